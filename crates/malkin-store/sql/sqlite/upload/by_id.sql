SELECT codec, size, data FROM upload WHERE id = ?1 AND malkin_sound('upload', data_sum, id, codec, size, data)
