//! What is deleted in the background: jobs that were not used for long, with their results and query samples; files that no job
//! needs; and the room they leave. Connections to the store that only a burst needed are closed too. Every step is short, so that
//! no change waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use malkin_store::{Retention, StoreError, Timestamp};

use super::Jobs;

/// Time between two rounds.
const PAUSE: Duration = Duration::from_secs(10);
/// Time between two searches for files and query samples that nothing refers to; only a crash leaves some.
const SWEEP: Duration = Duration::from_mins(10);
/// Pause between two steps, in which others may write.
const STEP_PAUSE: Duration = Duration::from_millis(2);
/// Results used within this time are kept: a client is about to fetch them.
const FRESH_MILLIS: i64 = 30_000;

/// How long and how much of what has ended is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keeping {
    /// Time since a job ended or its result was last asked for.
    pub results_for: Duration,
    /// Bytes of all results and query samples, as stored.
    pub max_result_bytes: u64,
}

impl Default for Keeping {
    /// 30 days and 10 GiB.
    fn default() -> Self {
        Self { results_for: Duration::from_hours(30 * 24), max_result_bytes: 10 << 30 }
    }
}

/// What was deleted in the background since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Removed {
    /// Jobs that expired.
    pub jobs: u64,
    /// Bytes of their results and query samples, as stored.
    pub bytes: u64,
    /// Files that nothing referred to.
    pub files: u64,
}

/// Counts what is deleted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    jobs: AtomicU64,
    bytes: AtomicU64,
    files: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Removed {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Removed { jobs: read(&self.jobs), bytes: read(&self.bytes), files: read(&self.files) }
    }
}

/// Deletes what is due, round after round, until the workers stop.
pub(super) fn run(jobs: &Jobs, keeping: &Keeping) {
    let mut last_sweep: Option<Instant> = None;
    while !jobs.running().is_stopping() {
        let is_sweep_due = last_sweep.is_none_or(|at| at.elapsed() >= SWEEP);
        if is_sweep_due {
            last_sweep = Some(Instant::now());
        }
        if let Err(error) = tend(jobs, keeping, is_sweep_due) {
            // A full or failing disk: the next round may succeed.
            tracing::warn!(%error, "cannot delete expired jobs and files");
        }
        if let Err(error) = jobs.corpus().store().close_idle() {
            tracing::warn!(%error, "cannot give back the memory of idle connections");
        }
        jobs.running().pause(PAUSE);
    }
}

/// Deletes all that is due.
pub(super) fn tend(jobs: &Jobs, keeping: &Keeping, with_leftovers: bool) -> Result<(), StoreError> {
    let (store, counters) = (jobs.corpus().store(), &jobs.running().removed);
    let now = jobs.corpus().now();
    let back = |time: Duration| {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(now.millis().saturating_sub(millis))
    };
    let retention = Retention {
        unused_since: back(keeping.results_for),
        max_bytes: keeping.max_result_bytes,
        fresh_since: Timestamp::from_millis(now.millis().saturating_sub(FRESH_MILLIS)),
    };
    if with_leftovers {
        repeat(jobs, || {
            let files = store.sweep_uploads()?;
            counters.files.fetch_add(files, Ordering::Relaxed);
            Ok(files > 0)
        })?;
        store.sweep_results(Timestamp::from_millis(now.millis().saturating_sub(SWEEP.as_millis() as i64)))?;
        repeat(jobs, || Ok(store.delete_query_samples(retention.unused_since)? > 0))?;
    }
    repeat(jobs, || {
        let expired = store.expire(&retention, now)?;
        counters.jobs.fetch_add(expired.jobs, Ordering::Relaxed);
        counters.bytes.fetch_add(expired.bytes, Ordering::Relaxed);
        Ok(expired.more)
    })?;
    repeat(jobs, || store.give_back())
}

/// Repeats a step while there is more to do.
fn repeat(jobs: &Jobs, mut step: impl FnMut() -> Result<bool, StoreError>) -> Result<(), StoreError> {
    while !jobs.running().is_stopping() && step()? {
        std::thread::sleep(STEP_PAUSE);
    }
    Ok(())
}
