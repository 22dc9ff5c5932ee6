SELECT id, offset FROM function WHERE id BETWEEN ?1 AND ?2 ORDER BY id
