INSERT INTO kept_file (upload) SELECT id FROM upload WHERE id = ?1 ON CONFLICT DO NOTHING
