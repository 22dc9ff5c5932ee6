//! A check of the whole database: what no reader of a single row can see.
//!
//! Every row is compared with its checksum, the structure is checked by SQLite itself, and what is stored twice is compared: tables with
//! their indexes, `function_search`, `name` and the index of names with `function`, samples with the number of their
//! functions. The definitions of tables and views are compared with those of a new database.
//!
//! Damage of a row that is always read by itself stays with that row ([`Kind::Record`]). After any other finding an answer
//! may be wrong without showing it, so the store answers nothing any more.
//!
//! What this cannot see: damage of the log, which SQLite takes for the end of the log, and two damages that fit each other.

use rusqlite::{Connection, OptionalExtension};

use super::checksums::{CHECKED, Kind};
use super::connection::Database;
use super::migrate;
use super::names::{each_trigram, indexed};
use crate::error::StoreError;
use crate::inspection::Inspection;

/// Findings listed of one kind at most.
const MAX_FINDINGS: usize = 100;

/// Functions compared in one transaction.
const FUNCTIONS_AT_ONCE: i64 = 200_000;

/// One part of an inspection: adds what it finds.
type Step = fn(&Connection, &mut Inspection) -> Result<(), StoreError>;

/// Inspects a database. `go_on` is asked between steps, each of which is one transaction.
///
/// # Errors
/// Only failures to read at all; damage is a finding.
pub(super) fn inspect(
    database: &Database,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Inspection, StoreError> {
    let mut found = Inspection::default();
    let steps: [Step; 5] = [check_structure, compare_schema, compare_names, compare_samples, compare_authors];
    for step in steps {
        if !go_on() {
            return Ok(found);
        }
        note(&mut found, database.read_anyway(|connection| Ok(collect(connection, step)))?)?;
    }
    for checked in CHECKED {
        if !go_on() {
            return Ok(found);
        }
        let step = |connection: &Connection, found: &mut Inspection| check_rows(connection, &checked, found);
        note(&mut found, database.read_anyway(|connection| Ok(collect(connection, step)))?)?;
    }
    let mut from = 0;
    loop {
        if !go_on() {
            return Ok(found);
        }
        let mut next = None;
        let step = |connection: &Connection, found: &mut Inspection| {
            next = compare_functions(connection, from, found)?;
            Ok(())
        };
        note(&mut found, database.read_anyway(|connection| Ok(collect(connection, step)))?)?;
        match next {
            Some(next) => from = next,
            None => break,
        }
    }
    found.complete = true;
    Ok(found)
}

type Collected = (Inspection, Option<StoreError>);

fn collect(
    connection: &Connection,
    step: impl FnOnce(&Connection, &mut Inspection) -> Result<(), StoreError>,
) -> Collected {
    let mut found = Inspection::default();
    let error = step(connection, &mut found).err();
    (found, error)
}

/// Adds what a step found. A statement that met damage is a finding as well.
fn note(all: &mut Inspection, (found, error): Collected) -> Result<(), StoreError> {
    let add = |list: &mut Vec<String>, more: Vec<String>| {
        let room = MAX_FINDINGS.saturating_sub(list.len());
        list.extend(more.into_iter().take(room));
    };
    add(&mut all.structure, found.structure);
    add(&mut all.records, found.records);
    match error {
        None => Ok(()),
        Some(StoreError::Damaged { what, detail }) => {
            add(&mut all.structure, vec![format!("{what}: {detail}")]);
            Ok(())
        }
        // Statements of a damaged schema cannot be prepared.
        Some(StoreError::Backend(error)) => {
            add(&mut all.structure, vec![error.to_string()]);
            Ok(())
        }
        Some(error) => Err(error),
    }
}

fn check_structure(connection: &Connection, found: &mut Inspection) -> Result<(), StoreError> {
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({MAX_FINDINGS})"))?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let finding: String = row.get(0)?;
        if finding != "ok" {
            found.structure.push(finding);
        }
    }
    Ok(())
}

/// A damaged definition of a view gives other answers, and one of an index another order.
fn compare_schema(connection: &Connection, found: &mut Inspection) -> Result<(), StoreError> {
    for difference in migrate::schema_differences(connection)? {
        found.structure.push(format!("the definition of {difference} is not that of a new database"));
    }
    Ok(())
}

fn check_rows(
    connection: &Connection,
    checked: &super::checksums::Checked,
    found: &mut Inspection,
) -> Result<(), StoreError> {
    let (table, sum) = (checked.table, checked.sum);
    let select = format!(
        "SELECT {} FROM {table} WHERE {sum} IS NOT {} LIMIT {MAX_FINDINGS}",
        checked.key.join(" || ' ' || "),
        checked.expression()
    );
    let list = if checked.kind == Kind::Record { &mut found.records } else { &mut found.structure };
    let mut select = connection.prepare(&select)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let key = match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        };
        list.push(format!("row {key} of table {table}: checksum mismatch"));
    }
    Ok(())
}

/// Compares what functions are searched by with the functions, from one number on; returns where to continue.
fn compare_functions(
    connection: &Connection,
    from: i64,
    found: &mut Inspection,
) -> Result<Option<i64>, StoreError> {
    let end = from.saturating_add(FUNCTIONS_AT_ONCE);
    let mut select = connection.prepare_cached(
        "SELECT f.id FROM function AS f LEFT JOIN function_search AS s ON s.id = f.id LEFT JOIN name AS n ON n.id = s.name_id \
         WHERE f.id >= ?1 AND f.id < ?2 AND (s.id IS NULL OR s.sample_id <> f.sample_id OR s.offset <> f.offset \
         OR s.num_blocks <> f.num_blocks OR s.num_instructions <> f.num_instructions OR n.text IS NOT f.name) \
         AND f.sum IS malkin_sum(f.id, f.sample_id, f.offset, f.num_blocks, f.num_instructions, f.binweight, f.name, f.pichash, \
         f.minhash, f.blocks, f.chunk, f.chunk_offset, f.chunk_length) LIMIT 1",
    )?;
    let wrong: Option<i64> = select.query_row([from, end], |row| row.get(0)).optional()?;
    if let Some(id) = wrong {
        found.structure.push(format!("function {id} is not searched by what it holds"));
    }
    let count = |table: &str| {
        let text = format!("SELECT count(*) FROM {table} WHERE id >= ?1 AND id < ?2");
        connection.prepare_cached(&text)?.query_row([from, end], |row| row.get::<_, i64>(0))
    };
    if count("function")? != count("function_search")? {
        found
            .structure
            .push(format!("functions from {from} on and what they are searched by differ in number"));
    }
    let more = "SELECT EXISTS (SELECT 1 FROM function WHERE id >= ?1) OR EXISTS (SELECT 1 FROM function_search WHERE id >= ?1)";
    let more: bool = connection.query_row(more, [end], |row| row.get(0))?;
    Ok(more.then_some(end))
}

/// Compares the index of names with the names: both as the sum of the hashes of all pairs of trigram and name, which does
/// not depend on their order.
fn compare_names(connection: &Connection, found: &mut Inspection) -> Result<(), StoreError> {
    let (mut kept, mut wanted) = (0_u64, 0_u64);
    let mut select = connection.prepare("SELECT term, doc FROM name_instance")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let term = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        kept = kept.wrapping_add(pair(term, row.get(1)?));
    }
    let mut select = connection.prepare("SELECT id, text FROM name WHERE id <> 0")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let text = indexed(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
        each_trigram(&text, |trigram| wanted = wanted.wrapping_add(pair(trigram, id)));
    }
    if kept != wanted {
        found.structure.push("the index of names does not fit the names".to_owned());
    }
    Ok(())
}

fn pair(term: &str, name: i64) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (term, name).hash(&mut hasher);
    hasher.finish()
}

fn compare_samples(connection: &Connection, found: &mut Inspection) -> Result<(), StoreError> {
    let wrong = "SELECT s.id FROM sample AS s WHERE (SELECT count(*) FROM function AS f \
         WHERE f.id BETWEEN s.lowest_function AND s.lowest_function + s.num_functions - 1 AND f.sample_id = s.id) \
         <> s.num_functions LIMIT 1";
    if let Some(id) = connection.query_row(wrong, [], |row| row.get::<_, i64>(0)).optional()? {
        found.structure.push(format!("sample {id} does not have as many functions as it states"));
    }
    let lost = "SELECT s.id FROM sample AS s LEFT JOIN family AS f ON f.id = s.family_id \
         WHERE s.family_id IS NOT NULL AND f.id IS NULL LIMIT 1";
    if let Some(id) = connection.query_row(lost, [], |row| row.get::<_, i64>(0)).optional()? {
        found.structure.push(format!("the family of sample {id} is missing"));
    }
    Ok(())
}

fn compare_authors(connection: &Connection, found: &mut Inspection) -> Result<(), StoreError> {
    let lost = "SELECT l.function_id FROM function_label AS l LEFT JOIN label_author AS a ON a.id = l.author \
         LEFT JOIN function AS f ON f.id = l.function_id WHERE a.id IS NULL OR f.id IS NULL LIMIT 1";
    if let Some(id) = connection.query_row(lost, [], |row| row.get::<_, i64>(0)).optional()? {
        found.structure.push(format!("the author or the function of a label of function {id} is missing"));
    }
    Ok(())
}
