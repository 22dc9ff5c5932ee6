DELETE FROM upload WHERE touched_at < ?1
    AND NOT EXISTS (SELECT 1 FROM job_upload WHERE upload = upload.id)
    AND NOT EXISTS (SELECT 1 FROM sample WHERE sample.sha256 = lower(hex(upload.sha256)) AND sample.id >= 0)
