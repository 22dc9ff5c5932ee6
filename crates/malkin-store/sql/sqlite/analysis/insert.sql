INSERT INTO analysis (id, created_at, created_us, file_name, size_bytes, md5, sha1, sha256, hint, model, families, search_text, codec, size, data, data_sum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, malkin_sum(?1, ?13, ?14, ?15))
ON CONFLICT (id) DO NOTHING
