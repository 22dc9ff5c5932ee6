-- Format 1 of the embedded store. Append-only: a released migration is never edited, a change is a new file.
--
-- Unsigned 64-bit values (addresses, hashes, sizes) are kept as the signed integer with the same bits. Numbers of query
-- objects are negative. Numbers are given out by `counter` and never again, so that a deleted number stays unused.

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The number given out next; for `state` and `changed_at` the value itself.
INSERT INTO counter (name, value) VALUES
    ('family', 1), ('sample', 0), ('function', 0), ('query_sample', -1), ('query_function', -1), ('chunk', 1),
    ('job', 0), ('state', 1), ('changed_at', 0);

CREATE TABLE family (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO family (id, name) VALUES (0, '');

CREATE TABLE sample (
    id              INTEGER PRIMARY KEY,
    family_id       INTEGER REFERENCES family (id),  -- NULL for query samples, which belong to no family
    query_family    TEXT,              -- family text of a query sample; else NULL
    version         TEXT NOT NULL,
    component       TEXT NOT NULL,
    filename        TEXT NOT NULL,
    is_library      INTEGER NOT NULL,
    sha256          TEXT NOT NULL,     -- as submitted
    architecture    TEXT NOT NULL,
    bitness         INTEGER NOT NULL,
    base_addr       INTEGER NOT NULL,
    binary_size     INTEGER NOT NULL,
    binweight       REAL NOT NULL,
    smda_version    TEXT NOT NULL,
    minhash_version TEXT NOT NULL,     -- disassembler whose escaper made the signatures, '' if unknown
    timestamp       TEXT NOT NULL,
    added_at        INTEGER NOT NULL,  -- milliseconds since the epoch
    lowest_function INTEGER NOT NULL,  -- the functions are lowest_function .. lowest_function + num_functions - 1
    num_functions   INTEGER NOT NULL,
    first_chunk     INTEGER NOT NULL,  -- the disassembly is first_chunk .. first_chunk + num_chunks - 1
    num_chunks      INTEGER NOT NULL,
    st_functions             INTEGER NOT NULL,
    st_recursive_functions   INTEGER NOT NULL,
    st_leaf_functions        INTEGER NOT NULL,
    st_thunk_functions       INTEGER,
    st_omits_thunks          INTEGER NOT NULL,  -- the record came without the field
    st_basic_blocks          INTEGER NOT NULL,
    st_instructions          INTEGER NOT NULL,
    st_api_calls             INTEGER NOT NULL,
    st_function_calls        INTEGER NOT NULL,
    st_failed_functions      INTEGER NOT NULL,
    st_failed_instructions   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX sample_sha256 ON sample (sha256) WHERE id >= 0;
-- Answers all counters of families without touching the rows.
CREATE INDEX sample_family ON sample (family_id, is_library, num_functions);
-- Finds the n-th function without walking over functions.
CREATE INDEX sample_functions ON sample (lowest_function, num_functions) WHERE id >= 0;
CREATE INDEX sample_minhash_version ON sample (minhash_version) WHERE id >= 0;

CREATE VIEW sample_entry AS
    SELECT s.id AS sample_id, coalesce(s.family_id, 0) AS family_id, coalesce(s.query_family, f.name) AS family, s.version, s.component, s.filename,
           s.is_library, s.sha256, s.architecture, s.bitness, s.base_addr, s.binary_size, s.binweight, s.smda_version,
           s.timestamp, s.st_functions, s.st_recursive_functions, s.st_leaf_functions, s.st_thunk_functions,
           s.st_basic_blocks, s.st_instructions, s.st_api_calls, s.st_function_calls, s.st_failed_functions,
           s.st_failed_instructions, s.st_omits_thunks, s.lowest_function, s.num_functions
    FROM sample AS s LEFT JOIN family AS f ON f.id = s.family_id;

-- No foreign key to sample: functions are found, and deleted, as the range of numbers their sample names, and an index
-- for the key would cost more than the rows of many functions.
CREATE TABLE function (
    id               INTEGER PRIMARY KEY,
    sample_id        INTEGER NOT NULL,
    offset           INTEGER NOT NULL,
    num_blocks       INTEGER NOT NULL,
    num_instructions INTEGER NOT NULL,
    binweight        REAL NOT NULL,
    name             TEXT NOT NULL,
    pichash          INTEGER NOT NULL,   -- 0 if there is none
    minhash          BLOB NOT NULL,      -- empty if the function is too small
    blocks           BLOB NOT NULL,      -- packed block occurrences, see `codec.rs`
    chunk            INTEGER,            -- where its disassembly is; NULL if there is none
    chunk_offset     INTEGER,            -- bytes in the inflated chunk
    chunk_length     INTEGER
) STRICT;

CREATE TABLE label (
    id          INTEGER PRIMARY KEY,     -- ascending in the order the labels were given
    function_id INTEGER NOT NULL,
    username    TEXT NOT NULL,
    label       TEXT NOT NULL,
    given_at    TEXT NOT NULL            -- YYYY-MM-DDTHH:MM:SS, UTC
) STRICT;

CREATE UNIQUE INDEX label_once ON label (function_id, username, label);

-- Disassembly: the JSON objects of some consecutive functions of one sample, compressed together.
CREATE TABLE chunk (
    id       INTEGER PRIMARY KEY,
    codec    INTEGER NOT NULL,           -- 0 as is, 1 zstd frame
    inflated INTEGER NOT NULL,           -- bytes when inflated
    data     BLOB NOT NULL
) STRICT;

CREATE TABLE upload (
    id         BLOB PRIMARY KEY,         -- 12 bytes
    sha256     BLOB NOT NULL UNIQUE,
    touched_at INTEGER NOT NULL,         -- when somebody last handed it in
    codec      INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    data       BLOB NOT NULL
) STRICT;

CREATE TABLE job (
    number        INTEGER PRIMARY KEY,
    id            BLOB NOT NULL UNIQUE,  -- 12 bytes
    method        TEXT NOT NULL,
    params        TEXT NOT NULL,
    file_params   TEXT NOT NULL,
    descriptor    TEXT NOT NULL,
    descriptor_hash INTEGER NOT NULL,    -- first 8 bytes of its SHA-256
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    finished_at   INTEGER,
    locked_at     INTEGER,
    locked_by     TEXT,
    attempts_left INTEGER NOT NULL,
    last_error    TEXT,
    progress      REAL,
    result        BLOB,
    terminated    INTEGER NOT NULL DEFAULT 0,
    priority      INTEGER NOT NULL,
    notify_done   INTEGER NOT NULL DEFAULT 0,
    -- 0 queued, 1 in progress, 2 finished, 3 failed, 4 terminated
    state         INTEGER NOT NULL GENERATED ALWAYS AS (
        CASE WHEN terminated THEN 4
             WHEN finished_at IS NOT NULL THEN 2
             WHEN attempts_left = 0 THEN 3
             WHEN started_at IS NOT NULL AND locked_by IS NOT NULL THEN 1
             ELSE 0 END) VIRTUAL
) STRICT;

CREATE INDEX job_descriptor ON job (descriptor_hash, number);
CREATE INDEX job_state ON job (state, priority DESC, number);
CREATE INDEX job_method ON job (method, state, number);

CREATE TABLE job_dependency (
    job        INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    dependency BLOB NOT NULL,            -- id of the other job, which may be gone
    ended      INTEGER NOT NULL,
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_dependency_of ON job_dependency (dependency);

CREATE TABLE job_upload (
    upload BLOB NOT NULL,
    job    INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
    PRIMARY KEY (upload, job)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_upload_of ON job_upload (job);

-- No foreign key to job: results survive a respawn, jobs do not.
CREATE TABLE result (
    id    BLOB PRIMARY KEY,              -- 12 bytes
    job   BLOB NOT NULL,
    codec INTEGER NOT NULL,
    size  INTEGER NOT NULL,
    data  BLOB NOT NULL
) STRICT;

CREATE TABLE job_stat (
    method TEXT NOT NULL,
    state  INTEGER NOT NULL,
    value  INTEGER NOT NULL,
    PRIMARY KEY (method, state)
) STRICT, WITHOUT ROWID;
