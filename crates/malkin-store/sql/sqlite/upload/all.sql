SELECT id, sha256 FROM upload ORDER BY id
