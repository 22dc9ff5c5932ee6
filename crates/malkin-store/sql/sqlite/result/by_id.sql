SELECT codec, size, data FROM result WHERE id = ?1
