SELECT upload FROM job_upload WHERE job = ?1
