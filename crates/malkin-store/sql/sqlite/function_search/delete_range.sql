DELETE FROM function_search WHERE id BETWEEN ?1 AND ?2
