SELECT f.id, f.name, count(s.id), coalesce(sum(s.num_functions), 0), coalesce(sum(s.is_library), 0)
FROM (SELECT id, name FROM family WHERE id >= ?1 ORDER BY id LIMIT ?2 OFFSET ?3) AS f
LEFT JOIN sample AS s ON s.family_id = f.id
GROUP BY f.id
ORDER BY f.id
