DELETE FROM queue_entry WHERE job = ?1
