-- Format 2: searching.
--
-- What functions are searched and sorted by lies in rows of their own, a tenth of a function's row: whatever has to look
-- at many functions looks at these. All of it is written in ascending order of functions, because an index in random order
-- costs a page of the log for each function and three quarters of the speed of adding samples.

-- Every distinct name of a function; 0 is the empty one, which most functions have.
CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO name (id, text) VALUES (0, '');
INSERT INTO name (text) SELECT DISTINCT name FROM function WHERE id >= 0 AND name <> '' ORDER BY name;

-- Functions of stored samples.
CREATE TABLE function_search (
    id               INTEGER PRIMARY KEY,
    sample_id        INTEGER NOT NULL,
    offset           INTEGER NOT NULL,
    num_blocks       INTEGER NOT NULL,
    num_instructions INTEGER NOT NULL,
    name_id          INTEGER NOT NULL
) STRICT;

INSERT INTO function_search (id, sample_id, offset, num_blocks, num_instructions, name_id)
    SELECT f.id, f.sample_id, f.offset, f.num_blocks, f.num_instructions, n.id
    FROM function AS f JOIN name AS n ON n.text = f.name
    WHERE f.id >= 0
    ORDER BY f.id;

CREATE INDEX function_search_name ON function_search (name_id);

-- Three characters of a folded name -> names. Without the texts: a name that is found is looked at.
CREATE VIRTUAL TABLE name_trigram
    USING fts5 (text, content = '', contentless_delete = 1, detail = 'none', tokenize = 'trigram case_sensitive 1');

INSERT INTO name_trigram (rowid, text) SELECT id, malkin_indexed(text) FROM name WHERE id <> 0 ORDER BY id;

-- The distinct trigrams, for texts of one or two characters: those that begin with them.
CREATE VIRTUAL TABLE name_term USING fts5vocab (name_trigram, 'row');

-- Orders of samples. There are hundreds of functions to a sample, so that these cost little.
CREATE INDEX sample_by_family ON sample (family_id);
CREATE INDEX sample_by_filename ON sample (filename);
CREATE INDEX sample_by_version ON sample (version);
CREATE INDEX sample_by_component ON sample (component);
CREATE INDEX sample_by_binary_size ON sample (binary_size);
CREATE INDEX sample_by_timestamp ON sample (timestamp);
CREATE INDEX sample_by_num_functions ON sample (st_functions);

CREATE VIEW family_entry AS
    SELECT f.id AS family_id, f.name AS family_name, count(s.id) AS num_samples,
           coalesce(sum(s.num_functions), 0) AS num_functions, coalesce(sum(s.is_library), 0) AS num_library_samples
    FROM family AS f LEFT JOIN sample AS s ON s.family_id = f.id
    GROUP BY f.id;
