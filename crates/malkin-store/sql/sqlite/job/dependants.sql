SELECT DISTINCT d.job FROM job_dependency AS d JOIN job AS j ON j.number = d.job
WHERE d.dependency = ?1 AND j.state = 0
ORDER BY d.job
