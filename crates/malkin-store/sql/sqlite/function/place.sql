SELECT chunk, chunk_offset, chunk_length FROM function WHERE id = ?1
    AND malkin_sound('function', sum, id, sample_id, offset, num_blocks, num_instructions, binweight, name, pichash, minhash, blocks, chunk, chunk_offset, chunk_length)
