DELETE FROM intel_answer WHERE good_until <= ?1
