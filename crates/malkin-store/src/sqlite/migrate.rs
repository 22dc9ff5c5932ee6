//! Brings a database to the newest format. Migrations are numbered files that are only ever added; the number of the last
//! one applied stands in the file itself (`user_version`).

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// Migration `n` (counted from 1) leads from format `n - 1` to format `n`.
const MIGRATIONS: [&str; 6] = [
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0001_initial.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0002_search.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0003_triage.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0004_index_token.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0005_access.sql")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/0006_labels.sql")),
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
    if found < 0 || (tables > 0 && !ours) || (tables == 0 && found > 0) {
        let detail = "the file is a database, but not one of this program".to_owned();
        return Err(StoreError::Damaged { what: "database".to_owned(), detail });
    }
    for (number, text) in (1_i64..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(text)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
        tracing::info!(store.format = number, "database migrated");
    }
    Ok(())
}
