SELECT id, sample_id, offset, num_blocks, num_instructions, binweight, name, pichash, minhash, blocks
FROM function WHERE id = ?1
