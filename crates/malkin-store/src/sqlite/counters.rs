//! Numbers that are assigned once, and the state counter of the corpus.

use rusqlite::{Connection, Transaction};

use super::statements::sql;
use crate::error::StoreError;
use crate::time::Timestamp;

/// What is numbered. Names of rows of `counter`.
pub(super) const FAMILY: &str = "family";
pub(super) const SAMPLE: &str = "sample";
pub(super) const FUNCTION: &str = "function";
pub(super) const QUERY_SAMPLE: &str = "query_sample";
pub(super) const QUERY_FUNCTION: &str = "query_function";
pub(super) const CHUNK: &str = "chunk";
pub(super) const JOB: &str = "job";
pub(super) const TURN: &str = "turn";
pub(super) const STATE: &str = "state";
pub(super) const CHANGED_AT: &str = "changed_at";
/// The random number by which a database is recognised; no counter, but kept as one.
pub(super) const IDENTITY: &str = "identity";

/// Takes `count` consecutive numbers (downwards if negative) and returns the first of them.
pub(super) fn take(transaction: &Transaction<'_>, name: &str, count: i64) -> Result<i64, StoreError> {
    let mut take = transaction.prepare_cached(sql!("counter/take"))?;
    Ok(take.query_row((name, count), |row| row.get(0))?)
}

/// The value of a counter.
pub(super) fn read(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(connection.prepare_cached(sql!("counter/read"))?.query_row([name], |row| row.get(0))?)
}

/// Notes that the corpus changed.
pub(super) fn changed(transaction: &Transaction<'_>, now: Option<Timestamp>) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("counter/changed"))?.execute([now.map(Timestamp::millis)])?;
    Ok(())
}
