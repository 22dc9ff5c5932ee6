INSERT INTO family (id, name) VALUES (?1, ?2)
