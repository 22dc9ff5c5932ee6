SELECT id FROM name WHERE malkin_contains(text, ?1) LIMIT ?2
