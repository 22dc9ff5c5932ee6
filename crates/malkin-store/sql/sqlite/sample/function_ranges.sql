SELECT lowest_function, num_functions FROM sample WHERE id >= 0 AND lowest_function >= 0 ORDER BY lowest_function
