//! Brings a database to the newest format. Migrations are numbered files that are only ever added; the number of the last
//! one applied stands in the file itself (`user_version`).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// Migration `n` (counted from 1) leads from format `n - 1` to format `n`.
const MIGRATIONS: [&str; 8] = [
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0001_initial.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0002_search.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0003_triage.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0004_index_token.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0005_access.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0006_labels.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0007_checksums.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0008_queue.sql")),
];

/// Marks a database as ours in its header: "Mlkn".
const APPLICATION_ID: i64 = 0x4d6c_6b6e;

/// Newest format this program knows.
pub(super) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Applies what is missing, each migration in one transaction. A foreign or newer database is refused unchanged.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let pragma = |connection: &Connection, name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
    };
    let found = pragma(connection, "user_version")?;
    if found > NEWEST {
        return Err(StoreError::TooNew { found, known: NEWEST });
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let ours = pragma(connection, "application_id")? == APPLICATION_ID;
    if found == 0 && tables > 0 && ours {
        let detail = "it holds tables, but its format number (`PRAGMA user_version`) is 0; restore a backup"
            .to_owned();
        return Err(StoreError::Damaged { what: "database".to_owned(), detail });
    }
    if found < 0 || (tables > 0 && !ours) || (tables == 0 && found > 0) {
        let detail = "the file is a database, but not one of this program".to_owned();
        return Err(StoreError::Damaged { what: "database".to_owned(), detail });
    }
    for (number, text) in (1_i64..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // The error of a batch would show the whole of its SQL.
        transaction.execute_batch(text).map_err(|error| StoreError::Damaged {
            what: "database".to_owned(),
            detail: format!(
                "it cannot be brought from format {} to format {number}: {}",
                number - 1,
                brief(&error)
            ),
        })?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
        tracing::info!(store.format = number, "database migrated");
    }
    Ok(())
}

/// Refuses a database that is not of the newest format, without changing it: it is opened for reading only.
pub(super) fn require_newest(connection: &Connection) -> Result<(), StoreError> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
    if found > NEWEST {
        return Err(StoreError::TooNew { found, known: NEWEST });
    }
    let is_complete: bool = found == NEWEST
        && connection
            .query_row("SELECT count(*) > 0 AND total(done) = 0 FROM checksum", [], |row| row.get(0))?;
    if is_complete {
        return Ok(());
    }
    Err(StoreError::NotWritable(format!(
        "the database has format {found} and has to be brought to format {NEWEST} first, which takes a start with write access"
    )))
}

/// Names of tables, indexes, views and triggers whose definition differs from that in a new database.
pub(super) fn schema_differences(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut fresh = Connection::open_in_memory()?;
    super::connection::add_functions(&fresh)?;
    migrate(&mut fresh)?;
    let definitions = |connection: &Connection| -> Result<BTreeMap<String, String>, StoreError> {
        // Names and texts as bytes: damaged ones may be no texts.
        let mut select = connection.prepare(
            "SELECT CAST(type || ' ' || name AS BLOB), CAST(tbl_name || ': ' || coalesce(sql, '') AS BLOB) FROM sqlite_schema",
        )?;
        let rows = select.query_map([], |row| {
            let text = |at| row.get_ref(at)?.as_blob_or_null().map_err(rusqlite::Error::from);
            let name = String::from_utf8_lossy(text(0)?.unwrap_or_default()).into_owned();
            Ok((name, String::from_utf8_lossy(text(1)?.unwrap_or_default()).into_owned()))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let (mut found, wanted) = (definitions(connection)?, definitions(&fresh)?);
    // SQLite's own table of statistics, made by `ANALYZE`.
    found.retain(|name, _| !name.starts_with("table sqlite_stat"));
    let names = found.keys().chain(wanted.keys()).filter(|name| found.get(*name) != wanted.get(*name));
    let names: BTreeSet<String> = names.cloned().collect();
    Ok(names.into_iter().collect())
}

/// An error of SQLite without the statement it happened in.
fn brief(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        error => error.to_string(),
    }
}
