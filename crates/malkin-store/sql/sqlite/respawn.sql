DELETE FROM label;
DELETE FROM function;
DELETE FROM chunk;
DELETE FROM sample;
DELETE FROM family WHERE id <> 0;
DELETE FROM job_dependency;
DELETE FROM job_upload;
DELETE FROM job;
