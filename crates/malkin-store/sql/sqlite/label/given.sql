SELECT number, author, label FROM function_label WHERE function_id = ?1
