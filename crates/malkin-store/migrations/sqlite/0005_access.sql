-- Who may use the server: tokens by name. Only the SHA-256 of a token is kept; a token has 256 random bits, so nothing slower is needed.
CREATE TABLE token (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,            -- reader, contributor, admin
    digest     BLOB NOT NULL UNIQUE,     -- 32 bytes
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Name of the token whose holder asked for the job; empty if there was none.
ALTER TABLE job ADD COLUMN author TEXT NOT NULL DEFAULT '';
