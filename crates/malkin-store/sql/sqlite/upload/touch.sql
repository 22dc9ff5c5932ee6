UPDATE upload SET touched_at = max(touched_at, ?2) WHERE sha256 = ?1 RETURNING id
