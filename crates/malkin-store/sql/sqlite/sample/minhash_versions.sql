SELECT minhash_version, count(*) FROM sample WHERE id >= 0 GROUP BY minhash_version
