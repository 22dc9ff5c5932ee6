SELECT id, family_id, is_library, index_token FROM sample WHERE id >= 0
    AND malkin_sound('sample', sum, id, family_id, query_family, version, component, filename, is_library, sha256, architecture, bitness, base_addr, binary_size, binweight, smda_version, minhash_version, timestamp, added_at, lowest_function, num_functions, first_chunk, num_chunks, st_functions, st_recursive_functions, st_leaf_functions, st_thunk_functions, st_omits_thunks, st_basic_blocks, st_instructions, st_api_calls, st_function_calls, st_failed_functions, st_failed_instructions, index_token)
ORDER BY id
