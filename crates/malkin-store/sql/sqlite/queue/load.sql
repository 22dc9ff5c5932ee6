SELECT count(*), coalesce(sum(file_bytes), 0) FROM queue_entry WHERE client = ?1
