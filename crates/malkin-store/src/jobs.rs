//! The persisted queue: jobs, their files and their results. Contract and values.
//!
//! A job is never lost once its number was assigned: the lease of a worker that dies ends, and the job is taken up
//! again with one attempt fewer. Result bytes are served as they were stored.
//!
//! The queue is fair: jobs of one client run in the order of priority and number, clients take turns. A file belongs to
//! its jobs and is deleted with the last of them that has not ended, unless it is kept as the file of a sample.

use std::collections::BTreeMap;
use std::io::Read;

use malkin_report::{JobId, ResultId, SampleId, Sha256, UploadId};

use crate::error::StoreError;
use crate::page::After;
use crate::time::Timestamp;

/// How long a job is expected to run. Workers that take short jobs only never wait for long ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Lane {
    /// About a second or less.
    #[default]
    Short,
    /// Possibly minutes.
    Long,
}

/// How much one client may have in the queue, running jobs included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ceiling {
    /// Jobs.
    pub jobs: u64,
    /// Bytes of their files. One file is always allowed.
    pub file_bytes: u64,
}

/// A job to be queued.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
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
    /// With whom the job takes turns: a token or an address; empty if there is neither. It is stored until the job ends
    /// and is no part of what makes requests equal.
    pub client: String,
    /// How long the job is expected to run.
    pub lane: Lane,
    /// The job is refused if its client has this much in the queue; `None` for no limit.
    pub ceiling: Option<Ceiling>,
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
    /// How often a worker took it. Names the attempt in [`Hold`].
    pub attempt: u32,
    /// Jobs this one depends on.
    pub all_dependencies: Vec<JobId>,
    /// Those of them that have not ended.
    pub unfinished_dependencies: Vec<JobId>,
}

impl Job {
    /// Where the job stands; first hit wins in the order of `docs/reference/mcrit-api.md` 2.4.
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

impl Job {
    /// The attempt that is running, as the worker that was given the job has to name it. `None` if no worker has the job.
    pub fn hold(&self) -> Option<Hold> {
        let worker = self.locked_by.clone().filter(|_| self.state() == JobState::InProgress)?;
        Some(Hold { id: self.id, worker, attempt: self.attempt })
    }
}

/// One attempt of one worker at a job. A worker that lost its lease cannot change what a later attempt does, even if that
/// is its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The job.
    pub id: JobId,
    /// The worker.
    pub worker: String,
    /// [`Job::attempt`] of the attempt.
    pub attempt: u32,
}

/// Which jobs a worker takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted<'a> {
    /// The longest lane; shorter ones are taken as well.
    pub lane: Lane,
    /// Clients whose jobs are left alone.
    pub except_clients: &'a [String],
    /// Jobs that must not be taken yet. Their clients' later jobs wait for them.
    pub delayed: &'a [JobId],
}

impl Wanted<'_> {
    /// Every job.
    pub const ANY: Self = Self { lane: Lane::Long, except_clients: &[], delayed: &[] };
}

/// A job that was given to a worker.
#[derive(Clone, PartialEq, Debug)]
pub struct Claimed {
    /// The job.
    pub job: Job,
    /// Whose turn it was.
    pub client: String,
}

/// Which jobs that have ended are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Jobs not used since then are deleted.
    pub unused_since: Timestamp,
    /// Greatest number of bytes of all results and query samples, as stored. Beyond it the jobs that were not used for the
    /// longest time are deleted.
    pub max_bytes: u64,
    /// Jobs used since then are never deleted: their clients are about to fetch the results.
    pub fresh_since: Timestamp,
}

/// What one step of expiring deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Expired {
    /// Jobs.
    pub jobs: u64,
    /// Bytes of their results and query samples.
    pub bytes: u64,
    /// There may be more to delete.
    pub more: bool,
}

/// What jobs and files take up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Jobs that ended.
    pub ended_jobs: u64,
    /// Bytes of their results and query samples, as stored.
    pub result_bytes: u64,
    /// Files: of jobs that have not ended, and those that are kept.
    pub files: u64,
    /// Their bytes as they were sent.
    pub file_bytes: u64,
}

/// A kept file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptFile {
    /// The file.
    pub upload: Upload,
    /// The stored sample that it is.
    pub sample: SampleId,
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
    /// Stores a file and keeps it for as long as the stored sample with its SHA-256 exists; equal files are kept once.
    fn keep_file(&self, bytes: &[u8], now: Timestamp) -> Result<Upload, StoreError>;

    /// Keeps the file of a job beyond the end of the job, as [`Jobs::keep_file`] does. A file that is gone stays gone.
    fn keep_upload(&self, id: UploadId) -> Result<(), StoreError>;

    /// Reads a file back.
    fn upload(&self, id: UploadId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether this is the id of a file, possibly of one that was deleted when its job ended.
    fn has_upload(&self, id: UploadId) -> Result<bool, StoreError>;

    /// The files that are kept with their samples, in the order in which they were first submitted. Files of queries are
    /// not among them.
    fn kept_files(&self) -> Result<Vec<KeptFile>, StoreError>;

    /// Queues a job and returns its id. Unless `always_new`, an equal earlier job (same descriptor) that is finished,
    /// waiting, or running under a live lease (locked no earlier than `live_since`) is answered instead, the newest first.
    /// Such a job runs when it is the turn of any client that asked for it.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] beyond the ceiling of the job.
    fn enqueue(&self, job: &NewJob, live_since: Timestamp, now: Timestamp) -> Result<JobId, StoreError>;

    /// As [`Jobs::enqueue`], for a job on a file, which is stored with it. `job` makes the job of the stored file; it may be
    /// called several times. Nothing is stored if an earlier job is answered.
    fn enqueue_file(
        &self,
        file: &[u8],
        job: &dyn Fn(&Upload) -> NewJob,
        live_since: Timestamp,
        now: Timestamp,
    ) -> Result<JobId, StoreError>;

    /// Takes the next job for a worker. Clients take turns; of the jobs of one client in one lane that is next with the
    /// highest priority, then the oldest, with all dependencies ended. Marks it started and locked. `None` if nothing can run.
    fn claim(&self, worker: &str, wanted: &Wanted<'_>, now: Timestamp)
    -> Result<Option<Claimed>, StoreError>;

    /// Renews the lease and notes progress (0..=1). False if the job is no longer held (cancelled, deleted, lost).
    fn heartbeat(&self, hold: &Hold, progress: Option<f64>, now: Timestamp) -> Result<bool, StoreError>;

    /// Makes a query sample part of a job: it is deleted with the job. A sample of an earlier attempt is deleted at once.
    /// False if the job is no longer held.
    fn own_query_sample(&self, hold: &Hold, sample: SampleId) -> Result<bool, StoreError>;

    /// Stores the result and marks the job finished with progress 1, in one transaction; releases dependants. `None` if
    /// the job is no longer held.
    fn finish(&self, hold: &Hold, result: &[u8], now: Timestamp) -> Result<Option<ResultId>, StoreError>;

    /// Notes a failed attempt: one attempt fewer, released for another worker, or failed for good when none is left (then
    /// dependants are released). `fatal` takes all attempts. Nothing happens if the job is no longer held.
    fn fail(&self, hold: &Hold, error: &str, fatal: bool, now: Timestamp) -> Result<(), StoreError>;

    /// Hands a job back as it was, without a lost attempt: the worker is about to stop. False if it is no longer held.
    fn release(&self, hold: &Hold) -> Result<bool, StoreError>;

    /// Releases jobs whose lease ended before `live_since` with one attempt fewer; returns how many. `dead_workers` is the
    /// prefix of the names of workers that are known to be dead whatever their lease, for example those of an earlier run on
    /// an embedded store. An empty prefix names no worker.
    fn release_expired(
        &self,
        live_since: Timestamp,
        dead_workers: &str,
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

    /// Deletes jobs with their results, query samples and files; returns how many.
    fn delete_jobs(&self, filter: &JobFilter) -> Result<u64, StoreError>;

    /// Deletes one job with its result, query sample and file.
    fn delete_job(&self, id: JobId) -> Result<bool, StoreError>;

    /// Counters by method and state. With `refresh` they are recounted from the jobs and all states are present.
    fn job_stats(&self, refresh: bool) -> Result<JobStats, StoreError>;

    /// Bytes of a result. Counts as a use of its job once [`Jobs::expire`] is called next.
    fn result(&self, id: ResultId) -> Result<Option<Vec<u8>>, StoreError>;

    /// A result to be read piece by piece; none if there is none.
    fn open_result(&self, id: ResultId) -> Result<Option<Content>, StoreError>;

    /// The job a result belongs to; none if that is gone.
    fn job_of_result(&self, id: ResultId) -> Result<Option<Job>, StoreError>;

    /// Deletes some of the jobs that need not be kept, as [`Jobs::delete_job`] does, those first that were not used for the
    /// longest time. Jobs that have not ended, and jobs that such a job depends on, are never deleted. One call is short, so
    /// that other changes do not wait; it is repeated while there is `more`.
    fn expire(&self, retention: &Retention, now: Timestamp) -> Result<Expired, StoreError>;

    /// Deletes some files that belong to no job that has not ended and to no stored sample; returns how many. One call is
    /// short; it is repeated until it returns 0.
    fn sweep_uploads(&self) -> Result<u64, StoreError>;

    /// Deletes results that a respawn left without their jobs and that were made before `made_before`; returns how many. Until
    /// then they are still found by their id, as with MCRIT.
    fn sweep_results(&self, made_before: Timestamp) -> Result<u64, StoreError>;

    /// What jobs and files take up.
    fn usage(&self) -> Result<Usage, StoreError>;
}
