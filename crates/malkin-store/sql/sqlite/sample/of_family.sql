SELECT * FROM sample_entry WHERE sample_id IN (SELECT id FROM sample WHERE family_id = ?1) ORDER BY sample_id
