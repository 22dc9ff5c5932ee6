SELECT name, role, digest, created_at FROM token WHERE malkin_sound('token', sum, name, role, digest, created_at) ORDER BY name
