SELECT method, state, value FROM job_stat WHERE malkin_sound('job statistics', sum, method, state, value)
