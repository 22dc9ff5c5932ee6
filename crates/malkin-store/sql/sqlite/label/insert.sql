INSERT INTO function_label (function_id, number, author, label, given_at, sum)
VALUES (?1, ?2, ?3, ?4, ?5, malkin_sum(?1, ?2, ?3, ?4, ?5))
