INSERT INTO result (id, job, codec, size, data) VALUES (?1, ?2, ?3, ?4, ?5)
