INSERT INTO function (id, sample_id, offset, num_blocks, num_instructions, binweight, name, pichash, minhash, blocks, chunk,
    chunk_offset, chunk_length, sum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
    malkin_sum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13))
