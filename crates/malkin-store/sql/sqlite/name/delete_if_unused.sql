DELETE FROM name WHERE id = ?1 AND id <> 0 AND NOT EXISTS (SELECT 1 FROM function_search WHERE name_id = ?1)
