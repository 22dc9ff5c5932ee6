SELECT id FROM family WHERE name = ?1 AND malkin_sound('family', sum, id, name)
