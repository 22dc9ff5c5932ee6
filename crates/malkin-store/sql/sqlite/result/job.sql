SELECT job FROM result WHERE id = ?1
