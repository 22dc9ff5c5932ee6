SELECT id, offset FROM function WHERE id BETWEEN ?1 AND ?2
    AND malkin_sound('function', sum, id, sample_id, offset, num_blocks, num_instructions, binweight, name, pichash, minhash, blocks, chunk, chunk_offset, chunk_length)
ORDER BY id
