DELETE FROM kept_file WHERE upload = ?1
