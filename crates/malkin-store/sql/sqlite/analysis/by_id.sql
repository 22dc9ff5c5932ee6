SELECT id, codec, size, data FROM analysis WHERE id = ?1
