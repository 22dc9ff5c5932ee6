INSERT INTO function_search (id, sample_id, offset, num_blocks, num_instructions, name_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
