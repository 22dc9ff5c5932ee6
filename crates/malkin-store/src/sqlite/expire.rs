//! Jobs that ended and are not needed any longer: which go first, and how much one step deletes.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use malkin_report::JobId;
use rusqlite::{Connection, Transaction, params};

use super::statements::sql;
use super::{job_rows, queue};
use crate::error::StoreError;
use crate::jobs::{Expired, Retention};
use crate::time::Timestamp;

/// Jobs that one step looks at.
const JOBS_AT_ONCE: i64 = 64;
/// Bytes after which a step ends: about the greatest amount that is deleted in some tens of milliseconds.
const BYTES_AT_ONCE: u64 = 16 << 20;
/// Uses remembered between two steps; further ones are not noted.
const MAX_USES: usize = 10_000;

/// Jobs whose results were read since they were last written down. Writing each use at once would make a commit of every read.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashSet<JobId>>);

impl Uses {
    /// Notes a use.
    pub(super) fn note(&self, job: JobId) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < MAX_USES {
            uses.insert(job);
        }
    }

    /// Takes what was noted.
    pub(super) fn take(&self) -> HashSet<JobId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes uses down.
pub(super) fn note_uses(
    transaction: &Transaction<'_>,
    jobs: &HashSet<JobId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut note = transaction.prepare_cached(sql!("job/use_by_id"))?;
    for job in jobs {
        note.execute(params![job.0.as_bytes(), now.millis()])?;
    }
    Ok(())
}

/// Number of ended jobs, and bytes of their results and query samples.
pub(super) fn kept(connection: &Connection) -> Result<(u64, u64), StoreError> {
    let mut select = connection.prepare_cached(sql!("job/kept_bytes"))?;
    Ok(select.query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?)
}

/// An ended job that nothing depends on.
struct Candidate {
    id: JobId,
    used_at: Timestamp,
    bytes: u64,
}

/// The jobs that were not used for the longest time.
fn oldest(connection: &Connection, retention: &Retention) -> Result<Vec<Candidate>, StoreError> {
    let mut select = connection.prepare_cached(sql!("job/oldest"))?;
    let rows = select.query_map(params![retention.fresh_since.millis(), JOBS_AT_ONCE], |row| {
        Ok(Candidate {
            id: JobId(job_rows::object_id(row, 0)?),
            used_at: Timestamp::from_millis(row.get(1)?),
            bytes: row.get::<_, i64>(2)? as u64,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether nothing is to be deleted.
pub(super) fn is_idle(connection: &Connection, retention: &Retention) -> Result<bool, StoreError> {
    let (_, bytes) = kept(connection)?;
    let oldest = oldest(connection, retention)?;
    let is_old = |job: &Candidate| job.used_at < retention.unused_since;
    Ok(oldest.is_empty() || (bytes <= retention.max_bytes && !oldest.iter().any(is_old)))
}

/// Deletes some jobs.
pub(super) fn step(transaction: &Transaction<'_>, retention: &Retention) -> Result<Expired, StoreError> {
    let (_, mut kept) = kept(transaction)?;
    let mut expired = Expired::default();
    let candidates = oldest(transaction, retention)?;
    let was_full = candidates.len() as i64 == JOBS_AT_ONCE;
    for job in candidates {
        if job.used_at >= retention.unused_since && kept <= retention.max_bytes {
            return Ok(expired);
        }
        if expired.bytes >= BYTES_AT_ONCE {
            return Ok(Expired { more: true, ..expired });
        }
        queue::delete(transaction, job.id)?;
        kept = kept.saturating_sub(job.bytes);
        expired.jobs += 1;
        expired.bytes += job.bytes;
    }
    Ok(Expired { more: was_full, ..expired })
}
