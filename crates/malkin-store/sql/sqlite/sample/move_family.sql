UPDATE sample SET family_id = ?2 WHERE family_id = ?1
