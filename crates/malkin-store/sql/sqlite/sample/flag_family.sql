UPDATE sample SET is_library = ?2 WHERE family_id = ?1 AND is_library <> ?2
