DELETE FROM result WHERE id < ?1 AND job NOT IN (SELECT id FROM job)
