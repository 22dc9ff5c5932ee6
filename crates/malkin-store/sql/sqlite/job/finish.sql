UPDATE job SET finished_at = ?2, result = ?3, progress = 1.0, notify_done = 1
WHERE number = ?1
