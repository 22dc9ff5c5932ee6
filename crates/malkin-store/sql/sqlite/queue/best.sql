SELECT e.job, j.id, j.method FROM queue_entry AS e JOIN job AS j ON j.number = e.job
WHERE e.ready = 1 AND e.lane = ?1 AND e.client = ?2
ORDER BY e.rank, e.job LIMIT 1
