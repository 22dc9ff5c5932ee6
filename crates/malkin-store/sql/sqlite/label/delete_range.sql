DELETE FROM function_label WHERE function_id BETWEEN ?1 AND ?2
