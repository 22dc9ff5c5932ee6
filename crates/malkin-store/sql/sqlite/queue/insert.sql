INSERT INTO queue_entry (job, client, lane, rank, file_bytes, ready) VALUES (?1, ?2, ?3, ?4, ?5, 0)
ON CONFLICT DO NOTHING
