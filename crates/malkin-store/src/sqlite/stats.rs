//! Counters of jobs by method and state, moved with every transition and recounted on request.

use rusqlite::{Connection, Transaction, params};

use super::job_rows::{state_number, state_of};
use super::statements::sql;
use crate::error::StoreError;
use crate::jobs::{JobState, JobStats};

/// Notes that a job of `method` went from one state to another; `None` is outside of the queue.
pub(super) fn moved(
    transaction: &Transaction<'_>,
    method: &str,
    from: Option<JobState>,
    to: Option<JobState>,
) -> Result<(), StoreError> {
    let mut add = transaction.prepare_cached(sql!("stat/add"))?;
    for (state, change) in [(from, -1), (to, 1)] {
        if let Some(state) = state {
            add.execute(params![method, state_number(state), change])?;
        }
    }
    Ok(())
}

/// The counters as they stand.
pub(super) fn read(connection: &Connection) -> Result<JobStats, StoreError> {
    let mut stats = JobStats::new();
    let mut select = connection.prepare_cached(sql!("stat/all"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let state = state_of(row.get(1)?)?;
        stats.entry(row.get(0)?).or_default().insert(state, row.get::<_, i64>(2)? as u64);
    }
    Ok(stats)
}

/// Recounts the methods that have jobs, with all their states; other methods keep what they had.
pub(super) fn refresh(transaction: &Transaction<'_>) -> Result<JobStats, StoreError> {
    let mut counted = JobStats::new();
    let mut recount = transaction.prepare_cached(sql!("stat/recount"))?;
    let mut rows = recount.query([])?;
    while let Some(row) = rows.next()? {
        let state = state_of(row.get(1)?)?;
        let states =
            counted.entry(row.get(0)?).or_insert_with(|| JobState::ALL.map(|state| (state, 0)).into());
        states.insert(state, row.get::<_, i64>(2)? as u64);
    }
    let mut set = transaction.prepare_cached(sql!("stat/set"))?;
    for (method, states) in &counted {
        for (state, count) in states {
            set.execute(params![method, state_number(*state), *count as i64])?;
        }
    }
    read(transaction)
}
