//! Running jobs: how a worker takes one job from the persisted queue and brings it to its end, and the handle by which a
//! running job reports progress and learns that it was cancelled.
//!
//! The queue itself is the store's. What a job does is in `run`, the threads are in `workers` and `lanes`, what is deleted in
//! the background is in `expiry`. A job that panics costs itself and nothing else.

mod expiry;
mod lanes;
mod workers;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use malkin_report::{JobId, SampleId};
use malkin_store::{Claimed, Hold, Job, Lane, StoreError, Timestamp, Wanted};
use parking_lot::{Condvar, Mutex};

use crate::engine::Engine;
use crate::run::{JobError, run};
use crate::stage::{self, Stage};

pub use expiry::{Keeping, Removed};
pub use workers::Workers;

/// What the names of all workers start with.
pub(crate) const WORKER_PREFIX: &str = "malkin-";

/// A running job renews its lease at least this often while it reports progress.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A job whose worker gave no sign of life for this long is taken up by another (MCRIT: `QUEUE_TIMEOUT` 300 s).
pub const LEASE_MILLIS: i64 = 300_000;
/// Workers look for work at least this often, so that jobs of other processes on the same store are found.
const IDLE: Duration = Duration::from_secs(2);

/// How long workers leave a job alone whose id its client has yet to look up. MCRIT's workers look for work ten times a
/// second, and its clients count on finding such a job waiting.
const REST: Duration = Duration::from_millis(100);

/// The moment since which a lease counts as alive.
pub(crate) fn live_since(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis() - LEASE_MILLIS)
}

/// What the running jobs of this process share with whoever cancels or awaits them.
#[derive(Debug, Default)]
pub struct Board {
    running: Mutex<HashMap<JobId, Arc<AtomicBool>>>,
    news: Mutex<u64>,
    changed: Condvar,
    stopping: AtomicBool,
    /// Jobs that are not to be taken up yet, each with the end of its rest. Held while a job is taken.
    resting: Mutex<Vec<(JobId, Instant)>>,
    /// What the threads for short jobs are at.
    lanes: lanes::Lanes,
    /// What was deleted in the background.
    removed: expiry::Counters,
}

impl Board {
    /// Wakes everybody who waits for news of the queue.
    pub fn announce(&self) {
        *self.news.lock() += 1;
        self.changed.notify_all();
    }

    /// Asks a job to stop if it runs in this process.
    pub fn cancel(&self, id: JobId) {
        if let Some(flag) = self.running.lock().get(&id) {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// Asks every running job to stop.
    pub fn cancel_all(&self) {
        for flag in self.running.lock().values() {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// Queues a job that workers of this process leave alone for a moment.
    pub(crate) fn queue_at_rest(
        &self,
        enqueue: impl FnOnce() -> Result<JobId, StoreError>,
    ) -> Result<JobId, StoreError> {
        let mut resting = self.resting.lock();
        let id = enqueue()?;
        resting.push((id, Instant::now() + REST));
        Ok(id)
    }

    /// What was deleted in the background since the start.
    pub fn removed(&self) -> Removed {
        self.removed.read()
    }

    /// Whether the workers are about to stop.
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Takes no further work, asks running jobs to stop and wakes everybody who waits.
    fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.cancel_all();
        self.announce();
        self.lanes.wake();
    }

    /// Waits until the workers stop, or for some time.
    fn pause(&self, time: Duration) {
        let (started, mut news) = (Instant::now(), self.news.lock());
        while !self.is_stopping() {
            let Some(left) = time.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else {
                break;
            };
            self.changed.wait_for(&mut news, left);
        }
    }

    fn wait(&self, seen: u64, at_most: Duration) {
        let mut news = self.news.lock();
        if *news == seen && !self.stopping.load(Ordering::Relaxed) {
            self.changed.wait_for(&mut news, at_most);
        }
    }
}

/// A running job's view of itself.
#[derive(Debug)]
pub struct JobControl<'a> {
    engine: &'a Engine,
    hold: Hold,
    cancelled: Arc<AtomicBool>,
    last: Mutex<Option<Instant>>,
}

/// The job was cancelled, deleted, or given to another worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the job was cancelled")]
pub struct Cancelled;

impl JobControl<'_> {
    /// Notes progress (0..=1) and renews the lease, at most once a second; fails when the job is to stop.
    pub fn progress(&self, share: f64) -> Result<(), Cancelled> {
        if self.is_cancelled() {
            return Err(Cancelled);
        }
        let mut last = self.last.lock();
        if last.is_none_or(|at| at.elapsed() >= HEARTBEAT) {
            *last = Some(Instant::now());
            match self.engine.store().heartbeat(&self.hold, Some(share), self.engine.now()) {
                Ok(true) => {}
                Ok(false) => return Err(Cancelled),
                // A store that cannot take a heartbeat now will tell when the result is stored; the work goes on.
                Err(error) => {
                    tracing::warn!(job.id = %self.hold.id, %error, "cannot renew the lease of a job");
                }
            }
        }
        Ok(())
    }

    /// Makes a query sample part of the job; fails, without the sample, when the job is no longer held.
    pub(crate) fn own_query_sample(&self, sample: SampleId) -> Result<(), JobError> {
        let store = self.engine.store();
        if !store.own_query_sample(&self.hold, sample)? {
            store.delete_sample(sample, self.engine.now())?;
            return Err(Cancelled.into());
        }
        Ok(())
    }

    /// Whether somebody asked the job to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Takes one job and runs it to its end; if there is none, answers for how long to wait for news. `begin` is told whose job
/// was taken.
fn run_next(
    engine: &Engine,
    worker: &str,
    (lane, except_clients): (Lane, &[String]),
    begin: impl FnOnce(&str),
) -> Result<Option<Duration>, StoreError> {
    let now = engine.now();
    engine.store().release_expired(live_since(now), "", now)?;
    let job = match claim(engine, worker, lane, except_clients)? {
        Claim::Job(claimed) => {
            begin(&claimed.client);
            claimed.job
        }
        Claim::Nothing(pause) => return Ok(Some(pause)),
    };
    let Some(hold) = job.hold() else {
        // Taken from us between two lines: another worker has it.
        return Ok(None);
    };
    let board = engine.board();
    let cancelled = Arc::new(AtomicBool::new(board.is_stopping()));
    board.running.lock().insert(job.id, Arc::clone(&cancelled));
    let control = JobControl { engine, hold: hold.clone(), cancelled, last: Mutex::new(None) };
    let started = Instant::now();
    let work = || catch_unwind(AssertUnwindSafe(|| run(engine, &job, &control)));
    let (outcome, stages) = stage::gathered(work);
    let outcome = outcome.unwrap_or_else(|panic| {
        Err(JobError::Failed(format!("the job crashed: {}", panic_text(panic.as_ref()))))
    });
    board.running.lock().remove(&job.id);
    stage::timed(Stage::Store, || end(engine, &job, &hold, outcome))?;
    let duration_ms = started.elapsed().as_millis() as u64;
    tracing::debug!(job.id = %job.id, job.method = job.method, duration_ms, stages = stage::to_text(&stages), "job ended");
    board.announce();
    Ok(None)
}

enum Claim {
    Job(Box<Claimed>),
    /// Nothing to do for so long, unless something is announced.
    Nothing(Duration),
}

/// Takes the next job that is not at rest.
fn claim(engine: &Engine, worker: &str, lane: Lane, except_clients: &[String]) -> Result<Claim, StoreError> {
    let mut resting = engine.board().resting.lock();
    let now = Instant::now();
    resting.retain(|(_, until)| *until > now);
    let ids: Vec<JobId> = resting.iter().map(|(id, _)| *id).collect();
    let claimed =
        engine.store().claim(worker, &Wanted { lane, except_clients, resting: &ids }, engine.now())?;
    let first_end = resting.iter().map(|(_, until)| until.saturating_duration_since(now)).min();
    Ok(match claimed {
        Some(claimed) => Claim::Job(Box::new(claimed)),
        None => Claim::Nothing(first_end.map_or(IDLE, |end| end.min(IDLE))),
    })
}

fn end(
    engine: &Engine,
    job: &Job,
    hold: &Hold,
    outcome: Result<Vec<u8>, JobError>,
) -> Result<(), StoreError> {
    let now = engine.now();
    match outcome {
        Ok(result) => {
            engine.store().finish(hold, &result, now)?;
        }
        Err(JobError::Cancelled(_)) if engine.board().is_stopping() => {
            // Not the job's fault: it is handed back and costs no attempt.
            engine.store().release(hold)?;
        }
        Err(error) => {
            let fatal = !matches!(error, JobError::Store(_));
            tracing::info!(job.id = %job.id, job.method = job.method, error = %error, "job failed");
            engine.store().fail(hold, &error.to_string(), fatal, now)?;
        }
    }
    Ok(())
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown cause")
}

#[cfg(test)]
mod tests;
