SELECT 1 FROM family WHERE id = ?1
