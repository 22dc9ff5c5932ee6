INSERT INTO upload (id, sha256, touched_at, codec, size, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
