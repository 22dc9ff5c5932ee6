SELECT number, method, attempts_left FROM job WHERE id = ?1 AND locked_by = ?2 AND attempt = ?3 AND state = 1
