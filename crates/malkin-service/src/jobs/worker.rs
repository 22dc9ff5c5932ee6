//! How a worker takes one job from the persisted queue and brings it to its end.
//!
//! What a job does is in `kinds`, the threads are in `workers` and `lanes`. A job that panics fails alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use malkin_report::JobId;
use malkin_store::{Claimed, Hold, Job, Lane, StoreError, Wanted};

use super::running::JobControl;
use super::{Jobs, kinds, live_since};
use crate::error::JobError;
use crate::stage::{self, Stage};

/// Workers look for work at least this often, so that jobs of other processes on the same store are found.
pub(super) const IDLE: Duration = Duration::from_secs(2);

/// Takes one job and runs it to its end; if there is none, returns how long to wait for news. `begin` receives the name of
/// the client whose job was taken.
pub(super) fn run_next(
    jobs: &Jobs,
    worker: &str,
    (lane, except_clients): (Lane, &[String]),
    begin: impl FnOnce(&str),
) -> Result<Option<Duration>, StoreError> {
    let now = jobs.corpus().now();
    jobs.corpus().store().release_expired(live_since(now), "", now)?;
    let job = match claim(jobs, worker, lane, except_clients)? {
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
    let running = jobs.running();
    let cancelled = Arc::new(AtomicBool::new(running.is_stopping()));
    running.running.lock().insert(job.id, Arc::clone(&cancelled));
    let control = JobControl::new(jobs.corpus(), &job, hold.clone(), cancelled);
    let started = Instant::now();
    let work = || catch_unwind(AssertUnwindSafe(|| kinds::run(&job, jobs.corpus(), &control)));
    let (outcome, stages) = stage::gathered(work);
    let outcome = outcome.unwrap_or_else(|panic| {
        Err(JobError::Failed(format!("the job crashed: {}", panic_text(panic.as_ref()))))
    });
    running.running.lock().remove(&job.id);
    stage::timed(Stage::Store, || end(jobs, &job, &hold, outcome))?;
    let duration_ms = started.elapsed().as_millis() as u64;
    tracing::debug!(job.id = %job.id, job.method = job.method, duration_ms, stages = stage::to_text(&stages), "job ended");
    running.announce();
    Ok(None)
}

enum Claim {
    Job(Box<Claimed>),
    /// Nothing to do for so long, unless something is announced.
    Nothing(Duration),
}

/// Takes the next job that is not delayed.
fn claim(jobs: &Jobs, worker: &str, lane: Lane, except_clients: &[String]) -> Result<Claim, StoreError> {
    let mut delayed = jobs.running().delayed.lock();
    let now = Instant::now();
    delayed.retain(|(_, until)| *until > now);
    let ids: Vec<JobId> = delayed.iter().map(|(id, _)| *id).collect();
    let claimed = jobs.corpus().store().claim(
        worker,
        &Wanted { lane, except_clients, delayed: &ids },
        jobs.corpus().now(),
    )?;
    let first_end = delayed.iter().map(|(_, until)| until.saturating_duration_since(now)).min();
    Ok(match claimed {
        Some(claimed) => Claim::Job(Box::new(claimed)),
        None => Claim::Nothing(first_end.map_or(IDLE, |end| end.min(IDLE))),
    })
}

fn end(jobs: &Jobs, job: &Job, hold: &Hold, outcome: Result<Vec<u8>, JobError>) -> Result<(), StoreError> {
    let now = jobs.corpus().now();
    match outcome {
        Ok(result) => {
            jobs.corpus().store().finish(hold, &result, now)?;
        }
        Err(JobError::Cancelled(_)) if jobs.running().is_stopping() => {
            // Not the job's fault: it is handed back and costs no attempt.
            jobs.corpus().store().release(hold)?;
        }
        Err(error) => {
            let fatal = !matches!(error, JobError::Store(_));
            tracing::info!(job.id = %job.id, job.method = job.method, error = %error, "job failed");
            jobs.corpus().store().fail(hold, &error.to_string(), fatal, now)?;
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
