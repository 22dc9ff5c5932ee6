SELECT label, username, given_at FROM label WHERE function_id = ?1 ORDER BY number
