SELECT codec, size, data FROM upload WHERE id = ?1
