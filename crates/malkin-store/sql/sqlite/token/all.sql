SELECT name, role, digest, created_at FROM token ORDER BY name
