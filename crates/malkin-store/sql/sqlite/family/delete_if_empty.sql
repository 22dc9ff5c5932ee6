DELETE FROM family WHERE id = ?1 AND id <> 0 AND NOT EXISTS (SELECT 1 FROM sample WHERE family_id = ?1)
