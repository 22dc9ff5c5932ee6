DELETE FROM sample WHERE id = ?1
