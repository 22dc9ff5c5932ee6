UPDATE queue_entry
SET ready = (SELECT j.state = 0 AND NOT EXISTS (SELECT 1 FROM job_dependency AS d WHERE d.job = ?1 AND d.ended = 0)
             FROM job AS j WHERE j.number = ?1)
WHERE job = ?1
