SELECT id, number, state FROM job
WHERE descriptor_hash = ?1 AND descriptor = ?2 AND (state IN (0, 2) OR (state = 1 AND locked_at >= ?3))
ORDER BY number DESC LIMIT 1
