SELECT id, used_at, kept_bytes FROM job
WHERE used_at IS NOT NULL AND used_at < ?1
    AND NOT EXISTS (SELECT 1 FROM job_dependency AS d JOIN job AS j ON j.number = d.job
                    WHERE d.dependency = job.id AND j.state IN (0, 1))
ORDER BY used_at, number LIMIT ?2
