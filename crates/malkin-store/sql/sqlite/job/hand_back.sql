UPDATE job SET locked_by = NULL, locked_at = NULL WHERE number = ?1
