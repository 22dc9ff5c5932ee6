SELECT lowest_function, num_functions, first_chunk, num_chunks, family_id FROM sample WHERE id = ?1
