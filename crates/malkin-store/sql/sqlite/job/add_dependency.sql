INSERT INTO job_dependency (job, position, dependency, ended)
VALUES (?1, ?2, ?3, NOT EXISTS (SELECT 1 FROM job WHERE id = ?3 AND state IN (0, 1)))
