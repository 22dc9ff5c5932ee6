DELETE FROM upload WHERE touched_at < ?1 AND NOT EXISTS (SELECT 1 FROM job_upload WHERE upload = upload.id)
