SELECT status, fetched_at, codec, size, data FROM intel_answer WHERE provider = ?1 AND hash = ?2 AND good_until > ?3
    AND malkin_sound('answer of a provider', sum, provider, hash, status, fetched_at, good_until, codec, size, data)
