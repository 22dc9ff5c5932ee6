INSERT INTO label (function_id, username, label, given_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (function_id, username, label) DO NOTHING
