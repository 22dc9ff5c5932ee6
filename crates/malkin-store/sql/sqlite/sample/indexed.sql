SELECT id, family_id, is_library, index_token FROM sample WHERE id >= 0 ORDER BY id
