//! The engine: store, index and clock joined, and the use cases that API and command line share.
//!
//! The store is the truth. The index is built from it at start and follows every change of the corpus under one lock, so
//! that both always tell the same. Everything here blocks; async callers use a blocking thread.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use malkin_codehash::{MinHasher, Projection};
use malkin_report::{FunctionId, JobId, ObjectId, SampleEntry, SampleId, Sha256, UploadId};
use malkin_store::{
    Added, Ceiling, CorpusCounts, JobFilter, JobState, NewJob, NewSample, Store, StoreError, Timestamp,
    Upload,
};
use sha2::Digest;

use crate::access::Tokens;
use crate::author;
use crate::clock::Clock;
use crate::desk::Desk;
use crate::disassembly::hex;
use crate::fetch::{Fetcher, IntelSettings};
use crate::ingest::{IngestError, Ingested, ingest, read_report};
use crate::memory::Memory;
use crate::python_json;
use crate::queue::{Board, WORKER_PREFIX, live_since};
use crate::request::{MatchArguments, Request};
use crate::stage::{Stage, timed};

/// Time a comparison may take unless set otherwise. The widest sample of ten million functions takes seconds.
pub const DEFAULT_MATCH_TIME: Duration = Duration::from_mins(10);

/// What one client may have in the queue unless set otherwise: jobs, and bytes of their files, 16 of the largest bodies.
pub const DEFAULT_CEILING: Ceiling = Ceiling { jobs: 10_000, file_bytes: 4 << 30 };

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The input is no usable report.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The body is no JSON.
    #[error("{0}")]
    NotJson(serde_json::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A request that cannot be answered as it stands.
    #[error("{0}")]
    Unanswerable(String),
}

/// Stands for an upload that is not stored yet.
const NO_UPLOAD: UploadId = UploadId(ObjectId::from_bytes([0; 12]));

/// What became of a submitted report.
#[derive(Clone, PartialEq, Debug)]
pub struct Submitted {
    /// The sample's record.
    pub sample: SampleEntry,
    /// The job MCRIT's clients wait for; none if the sample was known.
    pub job: Option<JobId>,
    /// Functions that could not be hashed.
    pub unhashed: usize,
}

/// Store, index and clock.
pub struct Engine {
    store: Arc<dyn Store>,
    hasher: MinHasher,
    memory: Memory,
    clock: Clock,
    board: Board,
    fetcher: Fetcher,
    desk: Desk,
    asks_providers: bool,
    rules: Option<malkin_triage::yara::Rules>,
    match_time: Duration,
    ceiling: Ceiling,
    tokens: Tokens,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("store", &self.store.backend_name())
            .field("index", &self.memory.stats())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the engine over a store: builds the index from it and takes back jobs of workers that no longer live. With
    /// an embedded store every worker of an earlier run is dead.
    pub fn open(store: Arc<dyn Store>, clock: Clock) -> Result<Self, StoreError> {
        let memory = Memory::new(Projection::default(), MinHasher::default().signature_bytes());
        memory.rebuild(store.as_ref())?;
        Self::over(store, memory, clock)
    }

    /// As [`Engine::open`], with the index stored in a data directory, so that only what is missing there is built.
    pub fn open_in(data: &Path, store: Arc<dyn Store>, clock: Clock) -> Result<Self, StoreError> {
        let signature_len = MinHasher::default().signature_bytes();
        let memory = Memory::open(Projection::default(), signature_len, data, store.as_ref())?;
        Self::over(store, memory, clock)
    }

    fn over(store: Arc<dyn Store>, memory: Memory, clock: Clock) -> Result<Self, StoreError> {
        let hasher = MinHasher::default();
        let engine = Self {
            store,
            hasher,
            memory,
            clock,
            board: Board::default(),
            fetcher: Fetcher::new(IntelSettings::default()),
            desk: Desk::default(),
            asks_providers: false,
            rules: None,
            match_time: DEFAULT_MATCH_TIME,
            ceiling: DEFAULT_CEILING,
            tokens: Tokens::default(),
        };
        engine.tokens.load(engine.store())?;
        if !engine.store.is_read_only() {
            let now = engine.now();
            engine.store.release_expired(live_since(now), WORKER_PREFIX, now)?;
        }
        Ok(engine)
    }

    /// Says how threat-intelligence providers are reached.
    #[must_use]
    pub fn with_intel(mut self, settings: IntelSettings) -> Self {
        self.asks_providers = settings.has_keys();
        self.fetcher = Fetcher::new(settings);
        self
    }

    /// Lets no comparison take longer than this.
    #[must_use]
    pub fn with_match_time(mut self, ceiling: Duration) -> Self {
        self.match_time = ceiling;
        self
    }

    /// Lets no client have more in the queue than this.
    #[must_use]
    pub fn with_queue_ceiling(mut self, ceiling: Ceiling) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// The tokens that are known.
    pub(crate) fn known_tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Time a comparison may take.
    pub(crate) fn match_time(&self) -> Duration {
        self.match_time
    }

    /// Runs YARA rules over files that are triaged.
    #[must_use]
    pub fn with_rules(mut self, rules: malkin_triage::yara::Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// The rules.
    pub(crate) fn rules(&self) -> Option<&malkin_triage::yara::Rules> {
        self.rules.as_ref()
    }

    /// Whether any provider can be asked.
    pub(crate) fn knows_providers(&self) -> bool {
        self.asks_providers
    }

    /// Whoever asks providers.
    pub(crate) fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// What keeps triage within bounds.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The index.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The hasher of this corpus.
    pub fn hasher(&self) -> &MinHasher {
        &self.hasher
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What running jobs share.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Takes a report in: parses, hashes and stores it, and queues the job MCRIT's clients wait for.
    pub fn submit_report(&self, body: &[u8], username: &str) -> Result<Submitted, ServiceError> {
        let ingested = ingest(read_report(body)?, &self.hasher)?;
        self.submit(&ingested, username)
    }

    /// Stores what was ingested. A sample whose SHA-256 is known only gets the labels.
    pub fn submit(&self, ingested: &Ingested, username: &str) -> Result<Submitted, ServiceError> {
        match self.store_sample(ingested, username)? {
            Added::New { sample, .. } => {
                let job = self.enqueue(&Request::UpdateMinHashesForSample(sample.sample_id), false)?;
                Ok(Submitted { sample, job: Some(job), unhashed: ingested.unhashed.len() })
            }
            Added::Known(sample) => Ok(Submitted { sample, job: None, unhashed: 0 }),
        }
    }

    /// Stores a sample whose hashes are known, without the job MCRIT's clients wait for.
    pub fn add(&self, sample: &NewSample) -> Result<Added, StoreError> {
        timed(Stage::Store, || {
            self.memory.add(self.store(), sample, || self.store.add_sample(sample, &[], "", self.now()))
        })
    }

    /// As [`Engine::submit`], without the job that only counts.
    pub(crate) fn store_sample(&self, ingested: &Ingested, username: &str) -> Result<Added, StoreError> {
        for (offset, error) in &ingested.unhashed {
            tracing::warn!(sample.sha256 = ingested.sample.sha256, function.offset = %offset, %error, "function left unhashed");
        }
        timed(Stage::Store, || {
            self.memory.add(self.store(), &ingested.sample, || {
                self.store.add_sample(&ingested.sample, &ingested.labels, username, self.now())
            })
        })
    }

    /// The stored sample that an executable is.
    pub fn sample_of_binary(&self, body: &[u8]) -> Result<Option<SampleEntry>, StoreError> {
        self.store.sample_by_sha256(&hex(&sha2::Sha256::digest(body)))
    }

    /// Gives a job the name of the client this thread works for, its lane, and the ceiling of its client.
    fn addressed(&self, job: NewJob, request: &Request, file_bytes: usize) -> Result<NewJob, StoreError> {
        let requester = author::current();
        let lane = request.lane(self.store(), file_bytes)?;
        // What only counts a sample that is stored already must not be refused: the sample would be there without it.
        let is_bounded = !matches!(request, Request::UpdateMinHashesForSample(_));
        let ceiling = is_bounded.then_some(self.ceiling);
        Ok(NewJob { author: requester.author, client: requester.client, lane, ceiling, ..job })
    }

    fn queue(
        &self,
        request: &Request,
        dependencies: Vec<JobId>,
        always_new: bool,
    ) -> Result<JobId, StoreError> {
        let job = self.addressed(request.to_job(None, dependencies, always_new), request, 0)?;
        let now = self.now();
        self.store.enqueue(&job, live_since(now), now)
    }

    /// Queues a request about a file, which is stored until the job ends.
    fn queue_file(
        &self,
        body: &[u8],
        identity: Option<Sha256>,
        request: &Request,
        always_new: bool,
    ) -> Result<JobId, StoreError> {
        let addressed = self.addressed(NewJob::default(), request, body.len())?;
        let make = |upload: &Upload| {
            let identity = identity.unwrap_or(upload.sha256);
            let request = request.clone().of_upload(upload.id);
            let NewJob { method, params, file_params, descriptor, attempts, always_new, .. } =
                request.to_job(Some((upload, identity)), Vec::new(), always_new);
            NewJob { method, params, file_params, descriptor, attempts, always_new, ..addressed.clone() }
        };
        let now = self.now();
        let id = self.store.enqueue_file(body, &make, live_since(now), now)?;
        self.board.announce();
        Ok(id)
    }

    /// Queues a request that has no body.
    pub fn enqueue(&self, request: &Request, always_new: bool) -> Result<JobId, StoreError> {
        let id = self.queue(request, Vec::new(), always_new)?;
        self.board.announce();
        Ok(id)
    }

    /// Queues a change whose job id the client does not learn: it finds the job at the top of the listing, waiting.
    pub fn enqueue_change(&self, request: &Request) -> Result<JobId, StoreError> {
        let id = self.board.queue_at_rest(|| self.queue(request, Vec::new(), true))?;
        self.board.announce();
        Ok(id)
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
            let request = if group_only {
                let others = samples.iter().copied().filter(|other| other != sample).collect();
                Request::MatchSampleVsGroup(*sample, others, arguments.clone())
            } else {
                Request::MatchSample(*sample, arguments.clone())
            };
            jobs.push((*sample, self.enqueue(&request, always_new)?));
        }
        let dependencies = jobs.iter().map(|(_, job)| *job).collect();
        let id = self.queue(&Request::CombineToCross(jobs), dependencies, false)?;
        self.board.announce();
        Ok(id)
    }

    /// Queues a query: the body is stored until the job ends and only looked into by the job, but it must be JSON.
    pub fn enqueue_query(
        &self,
        body: &[u8],
        arguments: MatchArguments,
        always_new: bool,
    ) -> Result<JobId, ServiceError> {
        let identity: Sha256 = python_json::canonical_sha256(body).map_err(ServiceError::NotJson)?;
        let request = Request::QueryReport(NO_UPLOAD, arguments);
        Ok(self.queue_file(body, Some(identity), &request, always_new)?)
    }

    /// Queues work on an executable or dump, which is stored until the job ends. `request` makes the request of the id of
    /// an upload.
    pub fn enqueue_binary(
        &self,
        body: &[u8],
        always_new: bool,
        request: impl FnOnce(UploadId) -> Request,
    ) -> Result<JobId, StoreError> {
        self.queue_file(body, None, &request(NO_UPLOAD), always_new)
    }

    /// Cancels and deletes one job.
    pub fn delete_job(&self, id: JobId) -> Result<bool, StoreError> {
        self.board.cancel(id);
        self.store.delete_job(id)
    }

    /// Cancels and deletes the jobs a filter names.
    pub fn delete_jobs(&self, filter: &JobFilter) -> Result<u64, StoreError> {
        let running = JobFilter { state: Some(JobState::InProgress), ..filter.clone() };
        if filter.state.is_none_or(|state| state == JobState::InProgress) {
            self.store.jobs(&running, 0, 0, false)?.iter().for_each(|job| self.board.cancel(job.id));
        }
        self.store.delete_jobs(filter)
    }

    /// Forgets everything but tokens and statistics.
    pub fn respawn(&self) -> Result<(), StoreError> {
        self.board.cancel_all();
        self.memory.reset(|| self.store.respawn())
    }

    /// Counts of the corpus.
    pub fn counts(&self) -> Result<CorpusCounts, StoreError> {
        self.store.counts()
    }

    /// A function's sample entry and number, for messages.
    pub fn sample_of(&self, id: SampleId) -> Result<Option<SampleEntry>, StoreError> {
        self.store.sample(id)
    }

    /// Disassembly of one function as compact JSON.
    pub fn disassembly(&self, id: FunctionId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.store.disassembly(&[id])?.pop().flatten())
    }
}
