INSERT INTO queue_turn (lane, client, turn) VALUES (?1, ?2, ?3)
ON CONFLICT (lane, client) DO UPDATE SET turn = excluded.turn
