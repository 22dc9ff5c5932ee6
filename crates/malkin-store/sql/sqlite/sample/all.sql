SELECT * FROM sample_entry WHERE sample_id >= 0 ORDER BY sample_id
