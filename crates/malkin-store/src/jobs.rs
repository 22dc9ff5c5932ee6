//! The persisted queue: jobs, their uploads and their results. Contract and values.
//!
//! A job is never lost once its number was given out: a worker that dies lets its lease run out, and the job is taken up
//! again with one attempt less. Result bytes are served as they were stored.

use std::collections::BTreeMap;
use std::io::Read;

use malkin_report::{JobId, ResultId, Sha256, UploadId};

use crate::catalogue::After;
use crate::error::StoreError;
use crate::time::Timestamp;

/// A job to be queued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewJob {
    /// What to do, for example `getMatchesForSample`.
    pub method: String,
    /// JSON text of the parameters as clients see it.
    pub params: String,
    /// JSON text: position -> upload id.
    pub file_params: String,
    /// JSON text that identifies equal requests.
    pub descriptor: String,
    /// Jobs that must end first.
    pub dependencies: Vec<JobId>,
    /// Higher runs first.
    pub priority: i64,
    /// Attempts before the job counts as failed (MCRIT: 3).
    pub attempts: u32,
    /// Name of the token whose holder asks; empty if there is none. No part of what makes requests equal.
    pub author: String,
    /// Queue a new job even if an equal one that is not exhausted exists.
    pub always_new: bool,
}

/// Where a job stands. The names are those of the `state` filter of the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum JobState {
    /// Waiting for a worker.
    Queued,
    /// Taken by a worker.
    InProgress,
    /// Ended with a result.
    Finished,
    /// Out of attempts.
    Failed,
    /// Cancelled.
    Terminated,
}

impl JobState {
    /// Every state, in the order of `/jobs/stats`.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::InProgress, Self::Finished, Self::Failed, Self::Terminated];
}

/// A job as stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Running number from 0, restarted by a respawn.
    pub number: u64,
    /// See [`NewJob::method`].
    pub method: String,
    /// See [`NewJob::params`].
    pub params: String,
    /// See [`NewJob::file_params`].
    pub file_params: String,
    /// See [`NewJob::descriptor`].
    pub descriptor: String,
    /// See [`NewJob::author`].
    pub author: String,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When the latest attempt began.
    pub started_at: Option<Timestamp>,
    /// When it finished; none for failed jobs.
    pub finished_at: Option<Timestamp>,
    /// Last sign of life of the worker.
    pub locked_at: Option<Timestamp>,
    /// The worker; stays on finished jobs, none when waiting or released.
    pub locked_by: Option<String>,
    /// Attempts left; 0 means failed.
    pub attempts_left: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// 0..=1; none until the job first reports.
    pub progress: Option<f64>,
    /// Its result once finished.
    pub result: Option<ResultId>,
    /// Cancelled.
    pub terminated: bool,
    /// See [`NewJob::priority`].
    pub priority: i64,
    /// Whether it ended, successfully or not.
    pub notify_done: bool,
    /// Jobs that wait for this one.
    pub required_by: Vec<JobId>,
    /// Jobs this one depends on.
    pub all_dependencies: Vec<JobId>,
    /// Those of them that have not ended.
    pub unfinished_dependencies: Vec<JobId>,
}

impl Job {
    /// Where the job stands; first hit wins in the order of `mcrit-api.md` 2.4.
    pub fn state(&self) -> JobState {
        if self.terminated {
            JobState::Terminated
        } else if self.finished_at.is_some() {
            JobState::Finished
        } else if self.attempts_left == 0 {
            JobState::Failed
        } else if self.started_at.is_some() && self.locked_by.is_some() {
            JobState::InProgress
        } else {
            JobState::Queued
        }
    }
}

/// Which jobs a listing or deletion is about. Conditions are ANDed; none at all means every job.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobFilter {
    /// Exact method.
    pub method: Option<String>,
    /// State.
    pub state: Option<JobState>,
    /// Queued strictly before.
    pub created_before: Option<Timestamp>,
    /// Finished strictly before.
    pub finished_before: Option<Timestamp>,
}

/// Counters of one method as `/jobs/stats` shows them: state -> number. A state is present once it was ever touched.
pub type JobStats = BTreeMap<String, BTreeMap<JobState, u64>>;

/// A stored request body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Its SHA-256.
    pub sha256: Sha256,
}

/// Stored bytes that are inflated as they are read. It holds no part of the store.
pub struct Content {
    /// Bytes when inflated, as the store has it. What is read may turn out to be damaged.
    pub size: u64,
    /// Bytes that this value takes until it is dropped, about.
    pub held: usize,
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a content of {} bytes", self.size)
    }
}

/// The queue.
pub trait Jobs {
    /// Stores a body; equal bodies are kept once.
    fn put_upload(&self, bytes: &[u8], now: Timestamp) -> Result<Upload, StoreError>;

    /// Reads a body back.
    fn upload(&self, id: UploadId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether a body is stored under this id.
    fn has_upload(&self, id: UploadId) -> Result<bool, StoreError>;

    /// All uploads, in the order in which they were first handed in.
    fn uploads(&self) -> Result<Vec<Upload>, StoreError>;

    /// Queues a job and answers its id. Unless `always_new`, an equal earlier job (same descriptor) that is finished,
    /// waiting, or running under a live lease (locked no earlier than `live_since`) is answered instead, the newest first.
    fn enqueue(&self, job: &NewJob, live_since: Timestamp, now: Timestamp) -> Result<JobId, StoreError>;

    /// Takes the next job for a worker: highest priority, then oldest, with all dependencies ended. Marks it started and
    /// locked. `None` if nothing can run.
    fn claim(&self, worker: &str, now: Timestamp) -> Result<Option<Job>, StoreError>;

    /// Renews the lease and notes progress (0..=1). False if the job is no longer this worker's (cancelled, deleted, lost).
    fn heartbeat(
        &self,
        id: JobId,
        worker: &str,
        progress: Option<f64>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Stores the result and marks the job finished with progress 1, in one transaction; releases dependants. False if
    /// the job is no longer this worker's.
    fn finish(
        &self,
        id: JobId,
        worker: &str,
        result: &[u8],
        now: Timestamp,
    ) -> Result<Option<ResultId>, StoreError>;

    /// Notes a failed attempt: one attempt less, released for another worker, or failed for good when none is left (then
    /// dependants are released). `fatal` takes all attempts.
    fn fail(
        &self,
        id: JobId,
        worker: &str,
        error: &str,
        fatal: bool,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Hands a job back as it was, without a lost attempt: the worker is about to stop. False if it is no longer this
    /// worker's.
    fn release(&self, id: JobId, worker: &str) -> Result<bool, StoreError>;

    /// Releases jobs whose lease ended before `live_since` with one attempt less; answers how many. `dead_workers` names a
    /// prefix of workers known to be dead whatever their lease (those of an earlier run of this process on an embedded
    /// store): `Some("")` for all.
    fn release_expired(
        &self,
        live_since: Timestamp,
        dead_workers: Option<&str>,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Cancels a job that has not ended. False if it has ended or is unknown.
    fn terminate(&self, id: JobId, now: Timestamp) -> Result<bool, StoreError>;

    /// A job.
    fn job(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Jobs in order of creation, newest first unless `ascending`, after `start`, at most `limit` (0: all).
    fn jobs(
        &self,
        filter: &JobFilter,
        start: u64,
        limit: u64,
        ascending: bool,
    ) -> Result<Vec<Job>, StoreError>;

    /// A piece of the jobs in the order of [`Jobs::jobs`]. An empty one ends the listing.
    fn job_piece(&self, filter: &JobFilter, after: After, ascending: bool) -> Result<Vec<Job>, StoreError>;

    /// Deletes jobs with their results; answers how many.
    fn delete_jobs(&self, filter: &JobFilter) -> Result<u64, StoreError>;

    /// Deletes one job with its result.
    fn delete_job(&self, id: JobId) -> Result<bool, StoreError>;

    /// Counters by method and state. With `refresh` they are recounted from the jobs and all states are present.
    fn job_stats(&self, refresh: bool) -> Result<JobStats, StoreError>;

    /// Bytes of a result.
    fn result(&self, id: ResultId) -> Result<Option<Vec<u8>>, StoreError>;

    /// A result to be read piece by piece; none if there is none.
    fn open_result(&self, id: ResultId) -> Result<Option<Content>, StoreError>;

    /// The job a result belongs to; none if that is gone.
    fn job_of_result(&self, id: ResultId) -> Result<Option<Job>, StoreError>;

    /// Deletes uploads that no job refers to, that are no stored sample, and that nobody handed in since a moment; answers how many. The moment has to
    /// leave a client that just handed one in the time to queue its job.
    fn sweep_uploads(&self, untouched_since: Timestamp) -> Result<u64, StoreError>;
}
