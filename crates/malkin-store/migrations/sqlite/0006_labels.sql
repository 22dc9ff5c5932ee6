-- Format 6: labels in half the room, and disassembly in columns (codec 2 of `chunk`), which older programs cannot read.
--
-- Nearly every named function of an import has one label, so that what goes with it counts: its author is a number, and the
-- rows are their own index. That a label is given once is seen to by looking at those the function has.

CREATE TABLE label_author (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO label_author (name) SELECT DISTINCT username FROM label ORDER BY username;

CREATE TABLE function_label (
    function_id INTEGER NOT NULL,
    number      INTEGER NOT NULL,        -- ascending in the order the labels of the function were given
    author      INTEGER NOT NULL,        -- no foreign key: authors are never deleted alone, and it would cost an index
    label       TEXT NOT NULL,
    given_at    TEXT NOT NULL,           -- YYYY-MM-DDTHH:MM:SS, UTC
    PRIMARY KEY (function_id, number)
) STRICT, WITHOUT ROWID;

INSERT INTO function_label (function_id, number, author, label, given_at)
    SELECT l.function_id, l.id, a.id, l.label, l.given_at
    FROM label AS l JOIN label_author AS a ON a.name = l.username
    ORDER BY l.function_id, l.id;

DROP TABLE label;

CREATE VIEW label AS
    SELECT l.function_id, l.number, a.name AS username, l.label, l.given_at
    FROM function_label AS l JOIN label_author AS a ON a.id = l.author;
