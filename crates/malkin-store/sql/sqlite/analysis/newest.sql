SELECT id, codec, size, data FROM analysis WHERE sha256 = ?1
    AND malkin_sound('analysis', data_sum, id, codec, size, data)
ORDER BY created_at DESC, number DESC LIMIT 1
