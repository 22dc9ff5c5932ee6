SELECT id FROM upload WHERE sha256 = unhex(?1)
