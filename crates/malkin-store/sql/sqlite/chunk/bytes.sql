SELECT coalesce(sum(length(data)), 0) FROM chunk WHERE id BETWEEN ?1 AND ?2
