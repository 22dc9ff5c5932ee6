-- Format 7: a checksum for each row, and a random number by which a database is recognised.
--
-- SQLite has no checksums: a damaged byte would be a wrong answer. `sum` is the CRC-32 of the other values of a row, `data_sum`
-- that of a large content where the rest of the row is listed without it. `src/sqlite/checksums.rs` states which columns
-- each covers and fills in those of rows that were there before. `function_search`, `name` and `name_trigram` have none:
-- they repeat what `function` says, and are compared with it.

INSERT INTO counter (name, value) VALUES ('identity', random());

ALTER TABLE family ADD COLUMN sum INTEGER;
ALTER TABLE sample ADD COLUMN sum INTEGER;
ALTER TABLE function ADD COLUMN sum INTEGER;
ALTER TABLE function_label ADD COLUMN sum INTEGER;
ALTER TABLE label_author ADD COLUMN sum INTEGER;
ALTER TABLE chunk ADD COLUMN sum INTEGER;
ALTER TABLE upload ADD COLUMN sum INTEGER;
ALTER TABLE upload ADD COLUMN data_sum INTEGER;
ALTER TABLE job ADD COLUMN sum INTEGER;
ALTER TABLE job_dependency ADD COLUMN sum INTEGER;
ALTER TABLE job_upload ADD COLUMN sum INTEGER;
ALTER TABLE job_stat ADD COLUMN sum INTEGER;
ALTER TABLE result ADD COLUMN sum INTEGER;
ALTER TABLE counter ADD COLUMN sum INTEGER;
ALTER TABLE analysis ADD COLUMN sum INTEGER;
ALTER TABLE analysis ADD COLUMN data_sum INTEGER;
ALTER TABLE intel_answer ADD COLUMN sum INTEGER;
ALTER TABLE token ADD COLUMN sum INTEGER;

-- Which checksums are complete, and over which columns.
CREATE TABLE checksum (
    name    TEXT PRIMARY KEY,            -- table.column
    columns TEXT NOT NULL,               -- the covered columns, by comma
    done    INTEGER                      -- NULL when complete; else the last row that has its checksum
) STRICT, WITHOUT ROWID;

-- Every trigram with every name that has it, to compare the index of names with the names.
CREATE VIRTUAL TABLE name_instance USING fts5vocab (name_trigram, 'instance');

DROP VIEW sample_entry;
CREATE VIEW sample_entry AS
    SELECT s.id AS sample_id, coalesce(s.family_id, 0) AS family_id, coalesce(s.query_family, f.name) AS family, s.version, s.component, s.filename,
           s.is_library, s.sha256, s.architecture, s.bitness, s.base_addr, s.binary_size, s.binweight, s.smda_version,
           s.timestamp, s.st_functions, s.st_recursive_functions, s.st_leaf_functions, s.st_thunk_functions,
           s.st_basic_blocks, s.st_instructions, s.st_api_calls, s.st_function_calls, s.st_failed_functions,
           s.st_failed_instructions, s.st_omits_thunks, s.lowest_function, s.num_functions
    FROM sample AS s LEFT JOIN family AS f ON f.id = s.family_id
    WHERE malkin_sound('sample', s.sum, s.id, s.family_id, s.query_family, s.version, s.component, s.filename, s.is_library,
              s.sha256, s.architecture, s.bitness, s.base_addr, s.binary_size, s.binweight, s.smda_version,
              s.minhash_version, s.timestamp, s.added_at, s.lowest_function, s.num_functions, s.first_chunk, s.num_chunks,
              s.st_functions, s.st_recursive_functions, s.st_leaf_functions, s.st_thunk_functions, s.st_omits_thunks,
              s.st_basic_blocks, s.st_instructions, s.st_api_calls, s.st_function_calls, s.st_failed_functions,
              s.st_failed_instructions, s.index_token)
        AND (f.id IS NULL OR malkin_sound('family', f.sum, f.id, f.name));

DROP VIEW label;
CREATE VIEW label AS
    SELECT l.function_id, l.number, a.name AS username, l.label, l.given_at
    FROM function_label AS l JOIN label_author AS a ON a.id = l.author
    WHERE malkin_sound('label', l.sum, l.function_id, l.number, l.author, l.label, l.given_at)
        AND malkin_sound('author of labels', a.sum, a.id, a.name);
