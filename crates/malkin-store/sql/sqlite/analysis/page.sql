SELECT number, id, created_at, file_name, size_bytes, md5, sha1, sha256, hint, model, families,
    malkin_sound('analysis', sum, number, id, created_at, created_us, file_name, size_bytes, md5, sha1, sha256, hint, model, families, search_text) FROM analysis
WHERE (?1 IS NULL OR sha1 = ?1) AND (?2 IS NULL OR md5 = ?2) AND created_us >= ?3 AND created_us <= ?4
  AND (?5 IS NULL OR instr(families, ?5) > 0) AND (?6 IS NULL OR instr(search_text, ?6) > 0)
ORDER BY created_at DESC, number DESC LIMIT ?7 OFFSET ?8
