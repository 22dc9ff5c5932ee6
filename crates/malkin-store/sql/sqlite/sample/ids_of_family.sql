SELECT id FROM sample WHERE family_id = ?1 ORDER BY id
