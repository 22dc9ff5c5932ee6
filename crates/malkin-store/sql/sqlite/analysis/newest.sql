SELECT id, codec, size, data FROM analysis WHERE sha256 = ?1 ORDER BY created_at DESC, number DESC LIMIT 1
