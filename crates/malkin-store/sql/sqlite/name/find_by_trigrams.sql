SELECT n.id FROM name_trigram AS t CROSS JOIN name AS n ON n.id = t.rowid
WHERE t.name_trigram MATCH ?1 AND malkin_contains(n.text, ?2)
LIMIT ?3
