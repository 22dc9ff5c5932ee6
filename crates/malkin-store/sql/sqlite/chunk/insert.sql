INSERT INTO chunk (id, codec, inflated, data) VALUES (?1, ?2, ?3, ?4)
