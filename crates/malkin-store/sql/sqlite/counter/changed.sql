UPDATE counter
SET value = CASE name WHEN 'state' THEN value + 1 ELSE coalesce(?1, value) END
WHERE name IN ('state', 'changed_at')
