INSERT INTO counter (name, value) VALUES ('tokens_used', 1) ON CONFLICT DO NOTHING
