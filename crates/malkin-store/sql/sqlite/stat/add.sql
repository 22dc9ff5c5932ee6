INSERT INTO job_stat (method, state, value) VALUES (?1, ?2, max(0, ?3))
ON CONFLICT (method, state) DO UPDATE SET value = max(0, value + ?3)
