UPDATE sample SET index_token = random() WHERE id = ?1
