INSERT INTO result (id, job, codec, size, data, sum)
VALUES (?1, ?2, ?3, ?4, ?5, malkin_sum(?1, ?2, ?3, ?4, ?5))
