-- The sample among whose functions a number lies, if it is still there.
SELECT lowest_function, num_functions FROM sample WHERE id >= 0 AND lowest_function >= 0 AND lowest_function <= ?1
ORDER BY lowest_function DESC LIMIT 1
