SELECT method, state, count(*) FROM job GROUP BY method, state
