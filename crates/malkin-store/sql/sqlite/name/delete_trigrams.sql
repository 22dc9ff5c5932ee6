DELETE FROM name_trigram WHERE rowid = ?1
