SELECT value FROM counter WHERE name = ?1 AND malkin_sound('counter', sum, name, value)
