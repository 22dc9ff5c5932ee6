SELECT u.id FROM upload AS u
WHERE NOT EXISTS (SELECT 1 FROM kept_file AS k JOIN sample AS s ON s.sha256 = lower(hex(u.sha256)) AND s.id >= 0
                  WHERE k.upload = u.id)
    AND NOT EXISTS (SELECT 1 FROM job_upload AS f JOIN job AS j ON j.number = f.job
                    WHERE f.upload = u.id AND j.state IN (0, 1))
LIMIT ?1
