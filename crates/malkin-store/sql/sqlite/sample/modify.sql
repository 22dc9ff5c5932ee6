UPDATE sample
SET family_id = coalesce(?2, family_id), version = coalesce(?3, version), component = coalesce(?4, component),
    is_library = coalesce(?5, is_library), smda_version = coalesce(?6, smda_version)
WHERE id = ?1
