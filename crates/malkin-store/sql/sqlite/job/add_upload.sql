INSERT INTO job_upload (upload, job) VALUES (?1, ?2) ON CONFLICT DO NOTHING
