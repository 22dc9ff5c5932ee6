INSERT INTO token (name, role, digest, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING
