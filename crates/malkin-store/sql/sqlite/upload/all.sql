SELECT id, sha256 FROM upload WHERE malkin_sound('upload', sum, id, sha256) ORDER BY id
