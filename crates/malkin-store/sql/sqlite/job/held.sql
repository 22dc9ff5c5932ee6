SELECT number, method, attempts_left FROM job WHERE id = ?1 AND locked_by = ?2 AND state = 1
