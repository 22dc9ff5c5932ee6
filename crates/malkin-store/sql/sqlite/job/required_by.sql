SELECT j.id FROM job_dependency AS d JOIN job AS j ON j.number = d.job
WHERE d.dependency = ?1
ORDER BY j.number
