SELECT count(*) FROM analysis
WHERE (?1 IS NULL OR sha1 = ?1) AND (?2 IS NULL OR md5 = ?2) AND created_us >= ?3 AND created_us <= ?4
  AND (?5 IS NULL OR instr(families, ?5) > 0) AND (?6 IS NULL OR instr(search_text, ?6) > 0)
