SELECT pichash FROM function WHERE id >= 0 AND pichash <> 0
    AND malkin_sound('function', sum, id, sample_id, offset, num_blocks, num_instructions, binweight, name, pichash, minhash, blocks, chunk, chunk_offset, chunk_length)
