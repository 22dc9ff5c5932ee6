SELECT id FROM label_author WHERE name = ?1
