UPDATE job SET terminated = 1, notify_done = 1 WHERE number = ?1
