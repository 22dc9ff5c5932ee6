UPDATE counter SET value = value + ?2 WHERE name = ?1 AND malkin_sound('counter', sum, name, value) RETURNING value - ?2
