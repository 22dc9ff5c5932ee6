UPDATE function SET pichash = ?3, minhash = ?4, blocks = ?5 WHERE id = ?1 AND sample_id = ?2
