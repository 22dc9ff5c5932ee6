//! Jobs: how work is queued, who runs it and when, and what becomes of its result. The persisted queue is the store's.
//!
//! A kind of job is one file below `kinds`: its name, its parameters as text, how long it is expected to run, and what it does with
//! a corpus. Not here: the threads (`workers`), one attempt (`worker`), what is deleted in the background (`expiry`).

mod display;
mod expiry;
pub(crate) mod kind;
pub mod kinds;
mod lane;
mod lanes;
mod query;
mod running;
mod whole_corpus;
mod worker;
mod workers;

use std::sync::Arc;

use malkin_report::{JobId, SampleId, Sha256};
use malkin_store::{Ceiling, JobFilter, JobState, NewJob, StoreError, Timestamp, Upload};

use crate::author;
use crate::corpus::Corpus;
use crate::error::ServiceError;
use crate::matching::MatchArguments;
use crate::python_json;
use kind::new_job;
use kinds::{CombineToCross, MatchSample, MatchSampleVsGroup, QueryReport};

pub use display::display_text;
pub use expiry::{Keeping, Removed};
pub use kind::{ATTEMPTS, Kind, Parameters};
pub use running::{JobControl, RunningJobs};
pub use workers::Workers;

/// What the names of all workers start with.
const WORKER_PREFIX: &str = "malkin-";

/// A job whose worker has not renewed its lease for this long is taken up by another (MCRIT: `QUEUE_TIMEOUT` 300 s).
pub const LEASE_MILLIS: i64 = 300_000;

/// What one client may have in the queue unless set otherwise: jobs, and bytes of their files, 16 of the largest bodies.
pub const DEFAULT_CEILING: Ceiling = Ceiling { jobs: 10_000, file_bytes: 4 << 30 };

/// The moment since which a lease counts as alive.
fn live_since(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis() - LEASE_MILLIS)
}

/// The queue of a corpus, and what runs of it in this process.
#[derive(Debug)]
pub struct Jobs {
    corpus: Arc<Corpus>,
    running: RunningJobs,
    /// What one client may have in the queue.
    ceiling: Ceiling,
}

impl Jobs {
    /// Opens the queue and takes back jobs of workers that no longer live: with an embedded store every worker of an earlier
    /// run is dead.
    pub(crate) fn open(corpus: Arc<Corpus>, ceiling: Ceiling) -> Result<Self, StoreError> {
        if !corpus.store().is_read_only() {
            let now = corpus.now();
            corpus.store().release_expired(live_since(now), WORKER_PREFIX, now)?;
        }
        Ok(Self { corpus, running: RunningJobs::default(), ceiling })
    }

    /// The corpus that jobs work on.
    fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// What running jobs share.
    pub fn running(&self) -> &RunningJobs {
        &self.running
    }

    /// Queues a request that has no file, or returns the id of an equal one unless `always_new`.
    pub fn enqueue<K: Kind>(&self, request: &K, always_new: bool) -> Result<JobId, StoreError> {
        let id = self.queue(request, Vec::new(), always_new)?;
        self.running.announce();
        Ok(id)
    }

    /// Queues a change whose job id the client does not learn: it finds the job at the top of the listing, waiting.
    pub fn enqueue_change<K: Kind>(&self, request: &K) -> Result<JobId, StoreError> {
        let id = self.running.queue_delayed(|| self.queue(request, Vec::new(), true))?;
        self.running.announce();
        Ok(id)
    }

    /// Queues a request about a file, which is stored until the job ends.
    pub fn enqueue_file<K: Kind>(
        &self,
        file: &[u8],
        request: &K,
        always_new: bool,
    ) -> Result<JobId, StoreError> {
        self.queue_file(file, None, request, always_new)
    }

    /// Queues a query: the report is stored until the job ends and only the job reads it, but it must be JSON.
    pub fn enqueue_query(
        &self,
        report: &[u8],
        arguments: MatchArguments,
        always_new: bool,
    ) -> Result<JobId, ServiceError> {
        let identity = python_json::canonical_sha256(report).map_err(ServiceError::NotJson)?;
        Ok(self.queue_file(report, Some(identity), &QueryReport(arguments), always_new)?)
    }

    /// Queues the comparison of several samples with each other: a job for each of them and one that combines their
    /// results. A sample that is named twice counts once.
    pub fn enqueue_cross(
        &self,
        samples: &[SampleId],
        arguments: &MatchArguments,
        always_new: bool,
    ) -> Result<JobId, StoreError> {
        let group_only = arguments.has_group_restriction();
        let arguments = arguments.clone().without_group_restriction();
        let mut jobs: Vec<(SampleId, JobId)> = Vec::with_capacity(samples.len());
        for sample in samples {
            if jobs.iter().any(|(known, _)| known == sample) {
                continue;
            }
            let id = if group_only {
                let others = samples.iter().copied().filter(|other| other != sample).collect();
                self.enqueue(&MatchSampleVsGroup(*sample, others, arguments.clone()), always_new)?
            } else {
                self.enqueue(&MatchSample(*sample, arguments.clone()), always_new)?
            };
            jobs.push((*sample, id));
        }
        let dependencies = jobs.iter().map(|(_, job)| *job).collect();
        let id = self.queue(&CombineToCross(jobs), dependencies, false)?;
        self.running.announce();
        Ok(id)
    }

    /// Cancels and deletes one job.
    pub fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        self.running.cancel(id);
        self.corpus.store().delete_job(id)
    }

    /// Cancels and deletes the jobs a filter names.
    pub fn delete_matching(&self, filter: &JobFilter) -> Result<u64, StoreError> {
        let store = self.corpus.store();
        let running = JobFilter { state: Some(JobState::InProgress), ..filter.clone() };
        if filter.state.is_none_or(|state| state == JobState::InProgress) {
            store.jobs(&running, 0, 0, false)?.iter().for_each(|job| self.running.cancel(job.id));
        }
        store.delete_jobs(filter)
    }

    /// Adds to a job the client this thread works for, the lane of the request, and the ceiling of the client.
    fn addressed<K: Kind>(&self, job: NewJob, request: &K, file_bytes: usize) -> Result<NewJob, StoreError> {
        let requester = author::current();
        let lane = request.lane(&self.corpus, file_bytes)?;
        let ceiling = K::IS_BOUNDED.then_some(self.ceiling);
        Ok(NewJob { author: requester.author, client: requester.client, lane, ceiling, ..job })
    }

    fn queue<K: Kind>(
        &self,
        request: &K,
        dependencies: Vec<JobId>,
        always_new: bool,
    ) -> Result<JobId, StoreError> {
        let job = self.addressed(new_job(request, None, dependencies, always_new), request, 0)?;
        let now = self.corpus.now();
        self.corpus.store().enqueue(&job, live_since(now), now)
    }

    /// `identity` is the hash by which equal files are known, if it is not that of their bytes.
    fn queue_file<K: Kind>(
        &self,
        file: &[u8],
        identity: Option<Sha256>,
        request: &K,
        always_new: bool,
    ) -> Result<JobId, StoreError> {
        let addressed = self.addressed(NewJob::default(), request, file.len())?;
        let make = |upload: &Upload| {
            let identity = identity.unwrap_or(upload.sha256);
            let job = new_job(request, Some((upload, identity)), Vec::new(), always_new);
            let NewJob { author, client, lane, ceiling, .. } = addressed.clone();
            NewJob { author, client, lane, ceiling, ..job }
        };
        let now = self.corpus.now();
        let id = self.corpus.store().enqueue_file(file, &make, live_since(now), now)?;
        self.running.announce();
        Ok(id)
    }
}

#[cfg(test)]
mod tests;
