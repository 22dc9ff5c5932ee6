UPDATE job SET finished_at = ?2, result = ?3, progress = 1.0, notify_done = 1, kept_bytes = kept_bytes + ?4
WHERE number = ?1
