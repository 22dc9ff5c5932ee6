INSERT INTO queue_entry (job, client, lane, rank, file_bytes, ready)
    SELECT job, ?2, lane, rank, 0, 0 FROM queue_entry WHERE job = ?1 LIMIT 1
ON CONFLICT DO NOTHING
