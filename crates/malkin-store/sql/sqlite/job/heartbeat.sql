UPDATE job SET locked_at = ?3, progress = coalesce(?4, progress)
WHERE id = ?1 AND locked_by = ?2 AND state = 1
