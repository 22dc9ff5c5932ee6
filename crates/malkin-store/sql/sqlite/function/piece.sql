SELECT id, sample_id, offset, num_blocks, num_instructions, binweight, name, pichash, minhash, blocks, chunk_length
FROM function WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3
