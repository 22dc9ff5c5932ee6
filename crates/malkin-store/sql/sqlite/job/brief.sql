SELECT number, method, state, result, query_sample FROM job WHERE id = ?1
