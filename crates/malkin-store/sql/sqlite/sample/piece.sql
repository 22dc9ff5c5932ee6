SELECT * FROM sample_entry WHERE sample_id >= ?1 ORDER BY sample_id LIMIT ?2 OFFSET ?3
