INSERT INTO sample (
    id, family_id, query_family, version, component, filename, is_library, sha256, architecture, bitness, base_addr,
    binary_size, binweight, smda_version, minhash_version, timestamp, added_at, lowest_function, num_functions, first_chunk,
    num_chunks, st_functions, st_recursive_functions, st_leaf_functions, st_thunk_functions, st_basic_blocks,
    st_instructions, st_api_calls, st_function_calls, st_failed_functions, st_failed_instructions, st_omits_thunks,
    index_token)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
    ?26, ?27, ?28, ?29, ?30, ?31, ?32, random())
