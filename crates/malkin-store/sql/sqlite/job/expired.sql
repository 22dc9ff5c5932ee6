SELECT number, id, method, attempts_left, locked_by FROM job
WHERE state = 1 AND (locked_at < ?1 OR (?2 <> '' AND substr(locked_by, 1, length(?2)) = ?2))
ORDER BY number
