SELECT number, author, label FROM function_label WHERE function_id = ?1
    AND malkin_sound('label', sum, function_id, number, author, label, given_at)
