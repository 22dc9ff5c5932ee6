UPDATE job
SET attempts_left = ?2, last_error = ?3, locked_by = NULL, locked_at = NULL, notify_done = (?2 = 0)
WHERE number = ?1
