DELETE FROM analysis WHERE sha256 = ?1
