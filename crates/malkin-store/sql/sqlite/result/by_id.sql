SELECT codec, size, data, job FROM result WHERE id = ?1 AND malkin_sound('result', sum, id, job, codec, size, data)
