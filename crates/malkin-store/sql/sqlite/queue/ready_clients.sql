SELECT lane, client FROM queue_entry WHERE job = ?1 AND ready = 1 ORDER BY client
