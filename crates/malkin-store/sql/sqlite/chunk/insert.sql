INSERT INTO chunk (id, codec, inflated, data, sum) VALUES (?1, ?2, ?3, ?4, malkin_sum(?1, ?2, ?3, ?4))
