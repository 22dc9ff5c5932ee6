SELECT pichash FROM function WHERE id >= 0 AND pichash <> 0
