INSERT INTO function_label (function_id, number, author, label, given_at) VALUES (?1, ?2, ?3, ?4, ?5)
