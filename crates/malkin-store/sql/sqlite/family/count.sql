SELECT count(*) FROM family
