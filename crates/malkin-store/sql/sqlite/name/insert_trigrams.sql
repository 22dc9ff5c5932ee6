INSERT INTO name_trigram (rowid, text) VALUES (?1, ?2)
