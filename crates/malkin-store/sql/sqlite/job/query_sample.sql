SELECT query_sample FROM job WHERE number = ?1
