UPDATE job SET used_at = ?2 WHERE number = ?1 AND used_at < ?2 - ?3
