INSERT OR REPLACE INTO intel_answer (provider, hash, status, fetched_at, good_until, codec, size, data, sum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, malkin_sum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8))
