INSERT INTO job (number, id, method, params, file_params, descriptor, descriptor_hash, created_at, attempts_left, priority, author)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
