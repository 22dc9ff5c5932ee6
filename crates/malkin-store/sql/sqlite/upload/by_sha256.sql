SELECT id FROM upload WHERE sha256 = ?1
