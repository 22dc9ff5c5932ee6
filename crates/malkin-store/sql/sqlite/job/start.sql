UPDATE job SET started_at = ?2, locked_at = ?2, locked_by = ?3 WHERE number = ?1
