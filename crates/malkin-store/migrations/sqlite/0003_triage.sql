-- Format 3: triage. Analyses of uploaded files, and what threat-intelligence providers answered.

-- One analysis. Columns may be NULL where records of the original service are taken over; their texts stay as they were.
CREATE TABLE analysis (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    created_at  TEXT,
    -- Microseconds since 1970 of created_at; the least number where that is no moment.
    created_us  INTEGER NOT NULL,
    file_name   TEXT,
    size_bytes  INTEGER,
    md5         TEXT COLLATE NOCASE,
    sha1        TEXT COLLATE NOCASE,
    sha256      TEXT COLLATE NOCASE,
    hint        TEXT,
    model       TEXT,
    -- Families, each between line breaks, and everything a person may search for, in small letters.
    families    TEXT NOT NULL,
    search_text TEXT NOT NULL,
    codec       INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    data        BLOB NOT NULL
) STRICT;

CREATE INDEX analysis_by_sha256 ON analysis (sha256, created_at, number);
CREATE INDEX analysis_by_time ON analysis (created_at, number);
CREATE INDEX analysis_by_moment ON analysis (created_us, number);

-- Answers of providers that are still good, by provider and hash.
CREATE TABLE intel_answer (
    provider   TEXT NOT NULL,
    hash       TEXT NOT NULL,
    status     INTEGER NOT NULL,
    fetched_at INTEGER NOT NULL,
    good_until INTEGER NOT NULL,
    codec      INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    data       BLOB NOT NULL,
    PRIMARY KEY (provider, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX intel_answer_by_end ON intel_answer (good_until);
