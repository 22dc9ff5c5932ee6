SELECT minhash_version FROM sample WHERE id = ?1
