SELECT * FROM sample_entry WHERE sample_id IN (
    SELECT id FROM sample WHERE family_id = ?1 AND id >= ?2 ORDER BY id LIMIT ?3 OFFSET ?4
) ORDER BY sample_id
