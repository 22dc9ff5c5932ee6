SELECT number, method, state, result FROM job WHERE id = ?1
