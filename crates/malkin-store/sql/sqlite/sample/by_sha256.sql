SELECT * FROM sample_entry WHERE sha256 = ?1 AND sample_id >= 0
