//! Checksums of rows: which columns they cover, how they are computed, kept and compared.
//!
//! Two SQL functions do the work. `malkin_sum(values...)` is the checksum of values, and statements that insert large rows
//! call it; rows of small tables get theirs from triggers of the writing connection, so that no statement that changes
//! them can forget it. `malkin_sound('what', sum, values...)` is 1, or ends the statement with an error if the sum is not
//! that of the values; statements that read rows call it with every covered column.
//!
//! The checksum is a CRC-32, which notices every change of up to 32 consecutive bits, so every damaged byte, and any
//! other damage but one in four billion.
//!
//! A condition `malkin_sound(...)` must not stand beside `column = constant` unless an index finds the rows by that column:
//! SQLite puts the constant in the place of the column in all other conditions, and these may be met first.
//!
//! Not here: what a reader of one row cannot see, such as a row that is missing (`inspection`).

use std::fmt::Write;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, ffi};

use crate::error::StoreError;

/// What follows when a row of a table turns out to be damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It is always read by itself and checked then: only its own content is lost.
    Record,
    /// Conditions, orders or counts look at it: answers may be wrong that do not show it.
    Listed,
}

/// A checksum of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub(super) table: &'static str,
    /// The column that holds it.
    pub(super) sum: &'static str,
    /// The columns it covers.
    pub(super) columns: &'static [&'static str],
    /// The columns that name a row; a single one is its row number.
    pub(super) key: &'static [&'static str],
    pub(super) kind: Kind,
    /// Whether `INSERT` statements state it; else a trigger does.
    stated: bool,
}

const ID: &[&str] = &["id"];

/// All checksums. A migration that adds a column to one of these tables adds it here: rows get new checksums at the next
/// start because the list of columns changed.
pub(super) const CHECKED: [Checked; 21] = [
    listed("family", ID, &["id", "name"]),
    listed("sample", ID, SAMPLE),
    stated("function", ID, FUNCTION, Kind::Record),
    stated(
        "function_label",
        &["function_id", "number"],
        &["function_id", "number", "author", "label", "given_at"],
        Kind::Listed,
    ),
    listed("label_author", ID, &["id", "name"]),
    stated("chunk", ID, &["id", "codec", "inflated", "data"], Kind::Record),
    stated("upload", ID_ROW, &["id", "sha256"], Kind::Listed),
    content("upload", &["id", "codec", "size", "data"]),
    listed("job", &["number"], JOB),
    listed("job_dependency", &["job", "position"], &["job", "position", "dependency", "ended"]),
    listed("job_upload", &["upload", "job"], &["upload", "job"]),
    listed("kept_file", &["upload"], &["upload"]),
    listed("queue_entry", &["job", "client"], &["job", "client", "lane", "rank", "file_bytes", "ready"]),
    listed("queue_turn", &["lane", "client"], &["lane", "client", "turn"]),
    listed("job_stat", &["method", "state"], &["method", "state", "value"]),
    stated("result", ID_ROW, &["id", "job", "codec", "size", "data"], Kind::Record),
    listed("counter", &["name"], &["name", "value"]),
    listed("analysis", &["number"], ANALYSIS),
    content("analysis", &["id", "codec", "size", "data"]),
    stated(
        "intel_answer",
        &["provider", "hash"],
        &["provider", "hash", "status", "fetched_at", "good_until", "codec", "size", "data"],
        Kind::Record,
    ),
    listed("token", &["name"], &["name", "role", "digest", "created_at"]),
];

/// Tables whose key is no number have row numbers all the same.
const ID_ROW: &[&str] = &["rowid"];

const SAMPLE: &[&str] = &[
    "id",
    "family_id",
    "query_family",
    "version",
    "component",
    "filename",
    "is_library",
    "sha256",
    "architecture",
    "bitness",
    "base_addr",
    "binary_size",
    "binweight",
    "smda_version",
    "minhash_version",
    "timestamp",
    "added_at",
    "lowest_function",
    "num_functions",
    "first_chunk",
    "num_chunks",
    "st_functions",
    "st_recursive_functions",
    "st_leaf_functions",
    "st_thunk_functions",
    "st_omits_thunks",
    "st_basic_blocks",
    "st_instructions",
    "st_api_calls",
    "st_function_calls",
    "st_failed_functions",
    "st_failed_instructions",
    "index_token",
];

const FUNCTION: &[&str] = &[
    "id",
    "sample_id",
    "offset",
    "num_blocks",
    "num_instructions",
    "binweight",
    "name",
    "pichash",
    "minhash",
    "blocks",
    "chunk",
    "chunk_offset",
    "chunk_length",
];

const JOB: &[&str] = &[
    "number",
    "id",
    "method",
    "params",
    "file_params",
    "descriptor",
    "descriptor_hash",
    "created_at",
    "started_at",
    "finished_at",
    "locked_at",
    "locked_by",
    "attempts_left",
    "last_error",
    "progress",
    "result",
    "terminated",
    "priority",
    "notify_done",
    "author",
    "attempt",
    "used_at",
    "kept_bytes",
    "query_sample",
];

const ANALYSIS: &[&str] = &[
    "number",
    "id",
    "created_at",
    "created_us",
    "file_name",
    "size_bytes",
    "md5",
    "sha1",
    "sha256",
    "hint",
    "model",
    "families",
    "search_text",
];

const fn listed(
    table: &'static str,
    key: &'static [&'static str],
    columns: &'static [&'static str],
) -> Checked {
    Checked { table, sum: "sum", columns, key, kind: Kind::Listed, stated: false }
}

const fn stated(
    table: &'static str,
    key: &'static [&'static str],
    columns: &'static [&'static str],
    kind: Kind,
) -> Checked {
    Checked { table, sum: "sum", columns, key, kind, stated: true }
}

const fn content(table: &'static str, columns: &'static [&'static str]) -> Checked {
    let key = ID_ROW;
    Checked { table, sum: "data_sum", columns, key, kind: Kind::Record, stated: true }
}

impl Checked {
    /// The checksum as it should be, in SQL.
    pub(super) fn expression(&self) -> String {
        format!("malkin_sum({})", self.columns.join(", "))
    }

    /// What holds for one row, where `prefix` stands before each column of the key.
    fn row(&self, prefix: &str) -> String {
        let parts: Vec<String> = self.key.iter().map(|key| format!("{key} = {prefix}{key}")).collect();
        parts.join(" AND ")
    }

    /// Adds the triggers that keep it, for as long as the connection is open.
    fn keep(&self, connection: &Connection) -> Result<(), StoreError> {
        let Self { table, sum, columns, .. } = self;
        let mut text = String::new();
        let mut events = vec![("changed", format!("UPDATE OF {}", columns.join(", ")))];
        if !self.stated {
            events.push(("added", "INSERT".to_owned()));
        }
        for (name, event) in events {
            let _ = writeln!(
                text,
                "CREATE TEMP TRIGGER {table}_{sum}_{name} AFTER {event} ON main.{table} BEGIN \
                 UPDATE {table} SET {sum} = {} WHERE {}; END;",
                self.expression(),
                self.row("NEW.")
            );
        }
        connection.execute_batch(&text)?;
        Ok(())
    }

    /// Gives checksums to rows that have none or one over other columns, some rows in each transaction. What was done is
    /// noted, so that a start that was interrupted resumes where it stopped.
    fn complete(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let Self { table, sum, .. } = self;
        let (name, columns) = (format!("{table}.{sum}"), self.columns.join(","));
        let known: Option<(String, Option<i64>)> = connection
            .query_row("SELECT columns, done FROM checksum WHERE name = ?1", [&name], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let mut done = match known {
            Some((known, done)) if known == columns => match done {
                None => return Ok(()),
                Some(done) => Some(done),
            },
            _ => None,
        };
        let expression = self.expression();
        loop {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let next: Option<i64> = match self.key {
                [row] => {
                    let select = format!(
                        "SELECT max({row}) FROM (SELECT {row} FROM {table} \
                         WHERE ?1 IS NULL OR {row} > ?1 ORDER BY {row} LIMIT {ROWS_AT_ONCE})"
                    );
                    let next = if self.has_row_number() {
                        transaction.query_row(&select, [done], |row| row.get(0))?
                    } else {
                        None
                    };
                    if let Some(next) = next {
                        let update = format!(
                            "UPDATE {table} SET {sum} = {expression} WHERE (?1 IS NULL OR {row} > ?1) AND {row} <= ?2"
                        );
                        transaction.execute(&update, (done, next))?;
                    }
                    next
                }
                _ => None,
            };
            if next.is_none() && !self.has_row_number() {
                transaction.execute(&format!("UPDATE {table} SET {sum} = {expression}"), [])?;
            }
            transaction
                .execute("INSERT OR REPLACE INTO checksum VALUES (?1, ?2, ?3)", (&name, &columns, next))?;
            transaction.commit()?;
            let Some(next) = next else { return Ok(()) };
            done = Some(next);
            tracing::info!(table, row = next, "rows have got their checksums");
        }
    }

    fn has_row_number(&self) -> bool {
        matches!(self.key, ["id" | "number" | "rowid"])
    }
}

/// Rows that get their checksums in one transaction.
const ROWS_AT_ONCE: u32 = 50_000;

/// Makes a connection that writes keep all checksums, once every row has its own.
pub(super) fn keep(connection: &mut Connection) -> Result<(), StoreError> {
    for checked in CHECKED {
        checked.complete(connection)?;
        checked.keep(connection)?;
    }
    Ok(())
}

/// Adds the SQL functions.
pub(super) fn add_functions(connection: &Connection) -> Result<(), StoreError> {
    // They change nothing and show nothing but their arguments, so the schema may call them.
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection
        .create_scalar_function("malkin_sum", -1, flags, |context: &Context<'_>| Ok(sum_of(context, 0)))?;
    connection.create_scalar_function("malkin_sound", -1, flags, |context: &Context<'_>| {
        const FIRST: usize = 2;
        if context.len() > FIRST && context.get_raw(1).as_i64() == Ok(sum_of(context, FIRST)) {
            return Ok(true);
        }
        let what = if context.is_empty() { "row" } else { context.get_raw(0).as_str().unwrap_or("row") };
        let key = match (context.len() > FIRST).then(|| context.get_raw(FIRST)) {
            Some(ValueRef::Integer(number)) => format!(" {number}"),
            Some(ValueRef::Text(text)) => format!(" {}", String::from_utf8_lossy(text)),
            Some(ValueRef::Blob(bytes)) => bytes.iter().take(12).fold(" ".to_owned(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
            _ => String::new(),
        };
        // An error with a text has no number of its own; `StoreError` knows it by its end.
        let text = format!("{what}{key}{MISFIT}");
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ERROR), Some(text)))
    })?;
    Ok(())
}

/// How the text of an error ends that `malkin_sound` ends a statement with.
pub(crate) const MISFIT: &str = ": checksum mismatch";

/// The checksum of the arguments from the one at `first` on: CRC-32 over the kind, the length and the bytes of each.
fn sum_of(context: &Context<'_>, first: usize) -> i64 {
    let mut sum = Sum::default();
    for at in first..context.len() {
        match context.get_raw(at) {
            ValueRef::Null => sum.put(&[0]),
            ValueRef::Integer(number) => sum.put_number(1, number.to_le_bytes()),
            // The database keeps no sign of zero.
            ValueRef::Real(number) => {
                let number = if number == 0.0 { 0.0 } else { number };
                sum.put_number(2, number.to_le_bytes());
            }
            ValueRef::Text(bytes) => sum.put_bytes(3, bytes),
            ValueRef::Blob(bytes) => sum.put_bytes(4, bytes),
        }
    }
    sum.finish()
}

/// A CRC-32 of many small pieces: they are gathered, because each call of the hasher has its price.
struct Sum {
    hasher: crc32fast::Hasher,
    gathered: [u8; Self::ROOM],
    length: usize,
}

impl Default for Sum {
    fn default() -> Self {
        Self { hasher: crc32fast::Hasher::new(), gathered: [0; Self::ROOM], length: 0 }
    }
}

impl Sum {
    const ROOM: usize = 256;

    fn put(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > Self::ROOM {
            self.flush();
        }
        match self.gathered.get_mut(self.length..self.length + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.hasher.update(bytes),
        }
    }

    fn put_number(&mut self, kind: u8, number: [u8; 8]) {
        let mut bytes = [kind; 9];
        bytes[1..].copy_from_slice(&number);
        self.put(&bytes);
    }

    fn put_bytes(&mut self, kind: u8, bytes: &[u8]) {
        self.put_number(kind, (bytes.len() as u64).to_le_bytes());
        self.put(bytes);
    }

    fn flush(&mut self) {
        self.hasher.update(self.gathered.get(..self.length).unwrap_or_default());
        self.length = 0;
    }

    fn finish(mut self) -> i64 {
        self.flush();
        // As a signed number it takes at most four bytes of the row.
        i64::from(self.hasher.finalize() as i32)
    }
}
