SELECT count(*), coalesce(sum(kept_bytes), 0) FROM job WHERE used_at IS NOT NULL
