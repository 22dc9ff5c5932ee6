SELECT count(*) FROM (SELECT 1 FROM json_each(?1) AS j CROSS JOIN function_search AS f ON f.name_id = j.value LIMIT ?2)
