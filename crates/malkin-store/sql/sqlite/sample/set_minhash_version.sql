UPDATE sample SET minhash_version = ?2 WHERE id = ?1
