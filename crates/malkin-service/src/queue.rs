//! Running jobs: worker threads that take work from the persisted queue, and the handle by which a running job reports
//! progress and learns that it was cancelled.
//!
//! The queue itself is the store's. What a job does is in `run`. A job that panics costs itself and nothing else.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use malkin_report::JobId;
use malkin_store::{Job, JobFilter, JobState, StoreError, Timestamp};
use parking_lot::{Condvar, Mutex};

use crate::engine::Engine;
use crate::run::{JobError, run};
use crate::stage::{self, Stage};

/// A running job renews its lease at least this often while it reports progress.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A job whose worker gave no sign of life for this long is taken up by another (MCRIT: `QUEUE_TIMEOUT` 300 s).
pub const LEASE_MILLIS: i64 = 300_000;
/// Workers look for work at least this often, so that jobs of other processes on the same store are found.
const IDLE: Duration = Duration::from_secs(2);

/// How long workers leave a job alone whose id its client has yet to look up. MCRIT's workers look for work ten times a
/// second, and its clients count on finding such a job waiting.
const REST: Duration = Duration::from_millis(100);
/// Waiting jobs that are looked through for the next one.
const GLANCE: u64 = 100;

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
    id: JobId,
    worker: &'a str,
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
            match self.engine.store().heartbeat(self.id, self.worker, Some(share), self.engine.now()) {
                Ok(true) => {}
                Ok(false) => return Err(Cancelled),
                // A store that cannot take a heartbeat now will tell when the result is stored; the work goes on.
                Err(error) => tracing::warn!(job.id = %self.id, %error, "cannot renew the lease of a job"),
            }
        }
        Ok(())
    }

    /// Whether somebody asked the job to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// The worker threads of this process.
#[derive(Debug)]
pub struct Workers {
    engine: Arc<Engine>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` worker threads named `<name>-<number>`.
    pub fn start(engine: &Arc<Engine>, name: &str, count: usize) -> std::io::Result<Self> {
        let threads = (0..count)
            .map(|number| {
                let engine = Arc::clone(engine);
                let worker = format!("{name}-{number}");
                std::thread::Builder::new().name(worker.clone()).spawn(move || work(&engine, &worker))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { engine: Arc::clone(engine), threads })
    }

    /// Takes no further work, asks running jobs to stop so that they are released for the next start, and waits for the
    /// threads to end.
    pub fn stop(self) {
        let board = self.engine.board();
        board.stopping.store(true, Ordering::Relaxed);
        board.cancel_all();
        board.announce();
        for thread in self.threads {
            // A worker thread catches what its jobs panic with; a panic beyond that is in the log already.
            let _ = thread.join();
        }
    }
}

fn work(engine: &Engine, worker: &str) {
    let board = engine.board();
    while !board.stopping.load(Ordering::Relaxed) {
        let seen = *board.news.lock();
        match run_next(engine, worker) {
            Ok(None) => {}
            Ok(Some(pause)) => board.wait(seen, pause),
            Err(error) => {
                tracing::error!(worker, %error, "the queue failed");
                std::thread::sleep(IDLE);
            }
        }
    }
}

/// Takes one job and runs it to its end; if there is none, answers for how long to wait for news.
fn run_next(engine: &Engine, worker: &str) -> Result<Option<Duration>, StoreError> {
    let now = engine.now();
    engine.store().release_expired(live_since(now), None, now)?;
    let job = match claim(engine, worker)? {
        Claim::Job(job) => job,
        Claim::Nothing(pause) => return Ok(Some(pause)),
    };
    let board = engine.board();
    let cancelled = Arc::new(AtomicBool::new(board.stopping.load(Ordering::Relaxed)));
    board.running.lock().insert(job.id, Arc::clone(&cancelled));
    let control = JobControl { engine, id: job.id, worker, cancelled, last: Mutex::new(None) };
    let started = Instant::now();
    let work = || catch_unwind(AssertUnwindSafe(|| run(engine, &job, &control)));
    let (outcome, stages) = stage::gathered(work);
    let outcome = outcome.unwrap_or_else(|panic| {
        Err(JobError::Failed(format!("the job crashed: {}", panic_text(panic.as_ref()))))
    });
    board.running.lock().remove(&job.id);
    stage::timed(Stage::Store, || end(engine, &job, worker, outcome))?;
    let duration_ms = started.elapsed().as_millis() as u64;
    tracing::debug!(job.id = %job.id, job.method = job.method, duration_ms, stages = stage::to_text(&stages), "job ended");
    board.announce();
    Ok(None)
}

enum Claim {
    Job(Box<Job>),
    /// Nothing to do for so long, unless something is announced.
    Nothing(Duration),
}

/// Takes the next job, unless that one is at rest.
fn claim(engine: &Engine, worker: &str) -> Result<Claim, StoreError> {
    let mut resting = engine.board().resting.lock();
    let now = Instant::now();
    resting.retain(|(_, until)| *until > now);
    if let Some(first) = resting.iter().map(|(_, until)| *until).min() {
        let queued = JobFilter { state: Some(JobState::Queued), ..JobFilter::default() };
        let queued = engine.store().jobs(&queued, 0, GLANCE, true)?;
        let next = queued.iter().find(|job| job.unfinished_dependencies.is_empty());
        if next.is_none_or(|next| resting.iter().any(|(id, _)| *id == next.id)) {
            return Ok(Claim::Nothing(first.saturating_duration_since(now)));
        }
    }
    let job = engine.store().claim(worker, engine.now())?;
    Ok(job.map_or(Claim::Nothing(IDLE), |job| Claim::Job(Box::new(job))))
}

fn end(
    engine: &Engine,
    job: &Job,
    worker: &str,
    outcome: Result<Vec<u8>, JobError>,
) -> Result<(), StoreError> {
    let now = engine.now();
    match outcome {
        Ok(result) => {
            engine.store().finish(job.id, worker, &result, now)?;
        }
        Err(JobError::Cancelled(_)) if engine.board().stopping.load(Ordering::Relaxed) => {
            // Not the job's fault: it is handed back and costs no attempt worth mentioning.
            engine.store().release(job.id, worker)?;
        }
        Err(error) => {
            let fatal = !matches!(error, JobError::Store(_));
            tracing::info!(job.id = %job.id, job.method = job.method, error = %error, "job failed");
            engine.store().fail(job.id, worker, &error.to_string(), fatal, now)?;
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
