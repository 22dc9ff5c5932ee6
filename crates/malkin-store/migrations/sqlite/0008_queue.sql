-- Format 8: files of queries go with their job, the queue is fair, jobs and their results expire.

-- Executables that are kept beside their sample. Every other upload belongs to a job and is deleted when that ends.
CREATE TABLE kept_file (
    upload BLOB PRIMARY KEY,             -- 12 bytes
    sum    INTEGER
) STRICT, WITHOUT ROWID;

-- Files of samples that no query handed in. Nothing else told them from files of queries before.
INSERT INTO kept_file (upload)
    SELECT u.id FROM upload AS u
    WHERE EXISTS (SELECT 1 FROM sample AS s WHERE s.sha256 = lower(hex(u.sha256)) AND s.id >= 0)
        AND (NOT EXISTS (SELECT 1 FROM job_upload AS f WHERE f.upload = u.id)
            OR EXISTS (SELECT 1 FROM job_upload AS f JOIN job AS j ON j.number = f.job
                       WHERE f.upload = u.id AND j.method = 'addBinarySample'));

-- Answers sums and the sweep without reading the files.
CREATE INDEX upload_size ON upload (size, sha256, id);

-- How often a worker took the job: a worker that lost its lease names an older attempt.
ALTER TABLE job ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
-- When somebody last asked for the ended job or its result; NULL until the job ended.
ALTER TABLE job ADD COLUMN used_at INTEGER;
-- Bytes of the result and of the query sample, as stored.
ALTER TABLE job ADD COLUMN kept_bytes INTEGER NOT NULL DEFAULT 0;
-- The sample of a query, which is deleted with the job.
ALTER TABLE job ADD COLUMN query_sample INTEGER;

-- Results of jobs that a respawn deleted before this format.
DELETE FROM result WHERE job NOT IN (SELECT id FROM job);

UPDATE job
SET used_at = coalesce(finished_at, created_at),
    kept_bytes = coalesce((SELECT length(data) FROM result WHERE result.id = job.result), 0)
WHERE state IN (2, 3, 4);

CREATE INDEX job_used ON job (used_at, number, kept_bytes) WHERE used_at IS NOT NULL;
CREATE INDEX job_query_sample ON job (query_sample) WHERE query_sample IS NOT NULL;

-- Who waits for a job that has not ended: whoever queued it, and whoever asked for the same meanwhile.
CREATE TABLE queue_entry (
    job        INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
    client     TEXT NOT NULL,            -- token or address; '' if there is neither
    lane       INTEGER NOT NULL,         -- 0 short, 1 long
    rank       INTEGER NOT NULL,         -- the priority negated, so that the lowest runs first
    file_bytes INTEGER NOT NULL,         -- size of the job's file
    ready      INTEGER NOT NULL,         -- 1 if the job waits for a worker and for nothing else
    sum        INTEGER,
    PRIMARY KEY (job, client)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_ready ON queue_entry (lane, client, rank, job) WHERE ready = 1;
CREATE INDEX queue_client ON queue_entry (client, file_bytes);

-- Whose turn it is: the lowest number first. A client without a ready job leaves the round when a worker meets it.
CREATE TABLE queue_turn (
    lane   INTEGER NOT NULL,
    client TEXT NOT NULL,
    turn   INTEGER NOT NULL,
    sum    INTEGER,
    PRIMARY KEY (lane, client)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX queue_turn_order ON queue_turn (turn, lane, client);

INSERT INTO counter (name, value, sum) VALUES ('turn', 3, malkin_sum('turn', 3));

INSERT INTO queue_entry (job, client, lane, rank, file_bytes, ready)
    SELECT number, '',
        method IN ('checkRules', 'updateMinHashes', 'rebuildIndex', 'rebuildPicBlockHashIndex', 'recalculatePicHashes',
                   'recalculateMinHashes', 'repairMinHashes'),
        -priority, 0,
        state = 0 AND NOT EXISTS (SELECT 1 FROM job_dependency AS d WHERE d.job = job.number AND d.ended = 0)
    FROM job WHERE state IN (0, 1);
INSERT INTO queue_turn (lane, client, turn) VALUES (0, '', 1), (1, '', 2);
