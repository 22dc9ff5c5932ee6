SELECT f.id, f.name, count(s.id), coalesce(sum(s.num_functions), 0), coalesce(sum(s.is_library), 0)
FROM family AS f LEFT JOIN sample AS s ON s.family_id = f.id
WHERE f.id = ?1 AND malkin_sound('family', f.sum, f.id, f.name)
GROUP BY f.id
