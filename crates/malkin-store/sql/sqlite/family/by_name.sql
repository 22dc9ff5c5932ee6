SELECT id FROM family WHERE name = ?1
