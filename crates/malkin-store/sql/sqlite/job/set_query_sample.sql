UPDATE job SET query_sample = ?2, kept_bytes = ?3 WHERE number = ?1
