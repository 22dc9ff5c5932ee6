DELETE FROM upload WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM kept_file WHERE upload = ?1)
    AND NOT EXISTS (SELECT 1 FROM job_upload AS f JOIN job AS j ON j.number = f.job
                    WHERE f.upload = ?1 AND j.state IN (0, 1))
