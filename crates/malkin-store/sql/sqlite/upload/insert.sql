INSERT INTO upload (id, sha256, touched_at, codec, size, data, sum, data_sum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, malkin_sum(?1, ?2), malkin_sum(?1, ?4, ?5, ?6))
