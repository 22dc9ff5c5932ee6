INSERT INTO label_author (name) VALUES (?1)
