SELECT EXISTS (SELECT 1 FROM queue_turn WHERE lane = ?1 AND client = ?2)
