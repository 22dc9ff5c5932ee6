SELECT chunk, chunk_offset, chunk_length FROM function WHERE id = ?1
