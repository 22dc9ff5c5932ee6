UPDATE job SET started_at = ?2, locked_at = ?2, locked_by = ?3, attempt = attempt + 1 WHERE number = ?1
