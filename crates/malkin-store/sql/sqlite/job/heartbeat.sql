UPDATE job SET locked_at = ?4, progress = coalesce(?5, progress)
WHERE id = ?1 AND locked_by = ?2 AND attempt = ?3 AND state = 1
