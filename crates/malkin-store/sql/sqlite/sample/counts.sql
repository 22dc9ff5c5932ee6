SELECT count(*), coalesce(sum(num_functions), 0) FROM sample WHERE id >= 0
