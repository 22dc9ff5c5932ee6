SELECT id FROM sample
WHERE id < 0 AND added_at < ?1 AND NOT EXISTS (SELECT 1 FROM job WHERE query_sample = sample.id)
ORDER BY id LIMIT ?2
