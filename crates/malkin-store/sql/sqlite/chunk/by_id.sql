SELECT codec, inflated, data FROM chunk WHERE id = ?1
