SELECT function_id, label, username, given_at FROM label WHERE function_id BETWEEN ?1 AND ?2 ORDER BY function_id, number
