SELECT max(id) FROM function WHERE id >= 0
