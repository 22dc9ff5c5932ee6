SELECT number, id, method, params, file_params, descriptor, created_at, started_at, finished_at, locked_at, locked_by,
    attempts_left, last_error, progress, result, terminated, priority, notify_done, author, attempt,
    malkin_sound('job', sum, number, id, method, params, file_params, descriptor, descriptor_hash, created_at, started_at, finished_at, locked_at, locked_by, attempts_left, last_error, progress, result, terminated, priority, notify_done, author, attempt, used_at, kept_bytes, query_sample)
FROM job WHERE id = ?1
