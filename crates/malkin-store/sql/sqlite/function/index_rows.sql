SELECT id, offset, pichash, minhash, blocks FROM function WHERE id BETWEEN ?1 AND ?2 ORDER BY id
