SELECT number, id, method FROM job
WHERE state = 0
    AND NOT EXISTS (SELECT 1 FROM job_dependency AS d WHERE d.job = job.number AND d.ended = 0)
ORDER BY priority DESC, number LIMIT 1
