//! What runs in this process: the handle by which a running job reports progress and learns that it was cancelled, and what all
//! of them share with those who cancel, await or queue jobs.
//!
//! The queue itself is the store's. Holds store and clock, nothing else of the application.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use malkin_matching::{Control, Progress};
use malkin_report::{JobId, SampleId, UploadId};
use malkin_store::{Hold, Job, StoreError};
use parking_lot::{Condvar, Mutex};

use super::expiry::{Counters, Removed};
use super::lanes::Lanes;
use crate::corpus::Corpus;
use crate::error::{Cancelled, JobError};

/// A running job renews its lease at least this often while it reports progress.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long workers do not take a job whose id its client has yet to look up. MCRIT's workers look for work ten times a
/// second, and its clients count on finding such a job waiting.
pub(super) const DELAY: Duration = Duration::from_millis(100);

/// What the running jobs of this process share with those who cancel or await them.
#[derive(Debug, Default)]
pub struct RunningJobs {
    pub(super) running: Mutex<HashMap<JobId, Arc<AtomicBool>>>,
    pub(super) news: Mutex<u64>,
    changed: Condvar,
    stopping: AtomicBool,
    /// Jobs that are not to be taken up yet, each with the moment from which it is taken. Held while a job is taken.
    pub(super) delayed: Mutex<Vec<(JobId, Instant)>>,
    /// What the threads for short jobs are running.
    pub(super) lanes: Lanes,
    /// What was deleted in the background.
    pub(super) removed: Counters,
}

impl RunningJobs {
    /// Wakes all that wait for news of the queue.
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

    /// Queues a job that workers of this process do not take for a moment.
    pub(crate) fn queue_delayed(
        &self,
        enqueue: impl FnOnce() -> Result<JobId, StoreError>,
    ) -> Result<JobId, StoreError> {
        let mut delayed = self.delayed.lock();
        let id = enqueue()?;
        delayed.push((id, Instant::now() + DELAY));
        Ok(id)
    }

    /// What was deleted in the background since the start.
    pub fn removed(&self) -> Removed {
        self.removed.read()
    }

    /// Whether the workers are about to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Accepts no further work, asks running jobs to stop and wakes all that wait.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.cancel_all();
        self.announce();
        self.lanes.wake();
    }

    /// Waits until the workers stop, or for some time.
    pub(super) fn pause(&self, time: Duration) {
        let (started, mut news) = (Instant::now(), self.news.lock());
        while !self.is_stopping() {
            let Some(left) = time.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else {
                break;
            };
            self.changed.wait_for(&mut news, left);
        }
    }

    pub(super) fn wait(&self, seen: u64, at_most: Duration) {
        let mut news = self.news.lock();
        if *news == seen && !self.stopping.load(Ordering::Relaxed) {
            self.changed.wait_for(&mut news, at_most);
        }
    }
}

/// A running job's view of itself.
#[derive(Debug)]
pub struct JobControl<'a> {
    corpus: &'a Corpus,
    hold: Hold,
    /// The file of the job, if it has one.
    upload: Option<UploadId>,
    cancelled: Arc<AtomicBool>,
    last: Mutex<Option<Instant>>,
}

impl<'a> JobControl<'a> {
    /// The view of an attempt. `cancelled` is set from outside when the job is to stop.
    pub(super) fn new(corpus: &'a Corpus, job: &Job, hold: Hold, cancelled: Arc<AtomicBool>) -> Self {
        let upload = file_of(&job.file_params);
        Self { corpus, hold, upload, cancelled, last: Mutex::new(None) }
    }

    /// The id of the file; `without` is the error if there is none.
    pub(crate) fn upload(&self, without: &str) -> Result<UploadId, JobError> {
        self.upload.ok_or_else(|| JobError::failed(without))
    }

    /// The bytes of the file; `without` is the error if it is gone.
    pub(crate) fn file(&self, without: &str) -> Result<Vec<u8>, JobError> {
        let file = self.corpus.store().upload(self.upload(without)?)?;
        file.ok_or_else(|| JobError::failed(without))
    }

    /// Passes the progress of a computation on to the queue.
    pub(crate) fn reporting(&self) -> Reporting<'_, 'a> {
        Reporting(self)
    }

    /// Notes progress (0..=1) and renews the lease, at most once a second; fails when the job is to stop.
    pub fn progress(&self, share: f64) -> Result<(), Cancelled> {
        if self.is_cancelled() {
            return Err(Cancelled);
        }
        let mut last = self.last.lock();
        if last.is_none_or(|at| at.elapsed() >= HEARTBEAT) {
            *last = Some(Instant::now());
            match self.corpus.store().heartbeat(&self.hold, Some(share), self.corpus.now()) {
                Ok(true) => {}
                Ok(false) => return Err(Cancelled),
                // A store that cannot take a heartbeat now will fail again when the result is stored; the work goes on.
                Err(error) => {
                    tracing::warn!(job.id = %self.hold.id, %error, "cannot renew the lease of a job");
                }
            }
        }
        Ok(())
    }

    /// Makes a query sample part of the job; fails, without the sample, when the job is no longer held.
    pub(crate) fn own_query_sample(&self, sample: SampleId) -> Result<(), JobError> {
        let store = self.corpus.store();
        if !store.own_query_sample(&self.hold, sample)? {
            store.delete_sample(sample, self.corpus.now())?;
            return Err(Cancelled.into());
        }
        Ok(())
    }

    /// Whether the job was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// The id of a job's file.
fn file_of(file_params: &str) -> Option<UploadId> {
    let files: serde_json::Map<String, serde_json::Value> = serde_json::from_str(file_params).ok()?;
    UploadId::parse(files.get("0")?.as_str()?)
}

/// Passes progress on to the queue.
pub(crate) struct Reporting<'j, 'a>(&'j JobControl<'a>);

impl Control for Reporting<'_, '_> {
    fn checkpoint(&mut self, progress: Progress) -> ControlFlow<()> {
        let share = if progress.total == 0 { 1.0 } else { progress.done as f64 / progress.total as f64 };
        match self.0.progress(share) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Cancelled) => ControlFlow::Break(()),
        }
    }
}
