UPDATE job_dependency SET ended = 1 WHERE dependency = ?1 AND ended = 0
