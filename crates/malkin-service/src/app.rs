//! The application: its rooms side by side, and the few use cases that need more than one of them.
//!
//! Callers go to a room directly: `app.corpus`, `app.jobs`, `app.triage`, `app.tokens`; questions that need no job are functions over
//! a corpus ([`crate::questions`]). Everything here blocks; async callers use a blocking thread.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use malkin_report::{JobId, SampleEntry};
use malkin_store::{Added, Ceiling, Store, StoreError};
use malkin_triage::yara::Rules;

use crate::clock::Clock;
use crate::corpus::ingest::{Ingested, ingest, read_report};
use crate::corpus::{Corpus, DEFAULT_MATCH_TIME};
use crate::error::ServiceError;
use crate::fetch::IntelSettings;
use crate::jobs::kinds::UpdateMinHashesForSample;
use crate::jobs::{DEFAULT_CEILING, Jobs};
use crate::tokens::Tokens;
use crate::triage::Triage;

/// What an operator may set.
#[derive(Debug)]
pub struct Settings {
    /// Time a comparison may take.
    pub match_time: Duration,
    /// What one client may have in the queue.
    pub queue_ceiling: Ceiling,
    /// How threat-intelligence providers are reached.
    pub intel: IntelSettings,
    /// YARA rules that files are examined with.
    pub rules: Option<Rules>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            match_time: DEFAULT_MATCH_TIME,
            queue_ceiling: DEFAULT_CEILING,
            intel: IntelSettings::default(),
            rules: None,
        }
    }
}

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

/// The application. Its rooms share the corpus and nothing else.
#[derive(Debug)]
pub struct App {
    /// Store and index.
    pub corpus: Arc<Corpus>,
    /// The queue and what runs.
    pub jobs: Arc<Jobs>,
    /// Examination of files.
    pub triage: Triage,
    /// Who may do what.
    pub tokens: Tokens,
    /// Where the time comes from.
    pub clock: Arc<Clock>,
}

impl App {
    /// Opens the application over a store, with an index that lives in memory only.
    pub fn open(store: Arc<dyn Store>, clock: Clock) -> Result<Self, StoreError> {
        Self::open_with(None, store, clock, Settings::default())
    }

    /// As [`App::open`], with the index stored in a data directory.
    pub fn open_in(data: &Path, store: Arc<dyn Store>, clock: Clock) -> Result<Self, StoreError> {
        Self::open_with(Some(data), store, clock, Settings::default())
    }

    /// As [`App::open_in`] or, without a data directory, [`App::open`], with other settings than the default ones.
    pub fn open_with(
        data: Option<&Path>,
        store: Arc<dyn Store>,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        let clock = Arc::new(clock);
        let tokens = Tokens::open(Arc::clone(&store), Arc::clone(&clock))?;
        let corpus = Arc::new(Corpus::open(data, store, Arc::clone(&clock), settings.match_time)?);
        let jobs = Arc::new(Jobs::open(Arc::clone(&corpus), settings.queue_ceiling)?);
        let triage = Triage::new(Arc::clone(&corpus), settings.intel, settings.rules);
        Ok(Self { corpus, jobs, triage, tokens, clock })
    }

    /// Stores a report: parses and hashes it, and queues the job MCRIT's clients wait for.
    pub fn submit_report(&self, body: &[u8], username: &str) -> Result<Submitted, ServiceError> {
        let ingested = ingest(read_report(body)?, self.corpus.hasher())?;
        self.submit(&ingested, username)
    }

    /// Stores what was ingested. A sample whose SHA-256 is known only gets the labels.
    pub fn submit(&self, ingested: &Ingested, username: &str) -> Result<Submitted, ServiceError> {
        match self.corpus.add_ingested(ingested, username)? {
            Added::New { sample, .. } => {
                let job = self.jobs.enqueue(&UpdateMinHashesForSample(sample.sample_id), false)?;
                Ok(Submitted { sample, job: Some(job), unhashed: ingested.unhashed.len() })
            }
            Added::Known(sample) => Ok(Submitted { sample, job: None, unhashed: 0 }),
        }
    }

    /// Cancels all jobs and deletes everything but tokens and statistics.
    pub fn respawn(&self) -> Result<(), StoreError> {
        self.jobs.running().cancel_all();
        self.corpus.respawn()
    }
}
