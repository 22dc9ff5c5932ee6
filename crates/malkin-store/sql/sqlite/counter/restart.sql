UPDATE counter
SET value = CASE name
    WHEN 'family' THEN 1 WHEN 'sample' THEN 0 WHEN 'function' THEN 0 WHEN 'query_sample' THEN -1
    WHEN 'query_function' THEN -1 WHEN 'chunk' THEN 1 WHEN 'job' THEN 0 ELSE value END
