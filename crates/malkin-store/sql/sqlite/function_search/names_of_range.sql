SELECT DISTINCT name_id FROM function_search WHERE id BETWEEN ?1 AND ?2 AND name_id <> 0
