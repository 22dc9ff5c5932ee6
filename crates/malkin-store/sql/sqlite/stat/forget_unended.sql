UPDATE job_stat SET value = 0 WHERE state IN (0, 1)
