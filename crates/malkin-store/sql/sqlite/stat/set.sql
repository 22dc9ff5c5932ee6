INSERT INTO job_stat (method, state, value) VALUES (?1, ?2, ?3) ON CONFLICT (method, state) DO UPDATE SET value = excluded.value
