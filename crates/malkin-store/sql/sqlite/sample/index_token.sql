SELECT index_token FROM sample WHERE id = ?1
