SELECT * FROM sample_entry WHERE sample_id = ?1
