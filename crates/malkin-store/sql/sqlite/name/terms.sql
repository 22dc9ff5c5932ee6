SELECT term FROM name_term WHERE term >= ?1 AND term <= ?2 LIMIT ?3
