SELECT id FROM sample WHERE id < 0 AND added_at < ?1 ORDER BY id
