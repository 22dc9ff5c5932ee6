SELECT dependency, ended FROM job_dependency WHERE job = ?1 ORDER BY position
