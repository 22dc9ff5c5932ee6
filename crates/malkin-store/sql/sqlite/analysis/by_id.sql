SELECT id, codec, size, data FROM analysis WHERE id = ?1 AND malkin_sound('analysis', data_sum, id, codec, size, data)
