DELETE FROM counter WHERE name = 'tokens_used'
