SELECT lane, client FROM queue_turn WHERE +lane <= ?1 ORDER BY turn
