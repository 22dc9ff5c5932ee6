DELETE FROM result WHERE id = ?1
