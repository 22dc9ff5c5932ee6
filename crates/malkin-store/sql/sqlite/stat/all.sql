SELECT method, state, value FROM job_stat
