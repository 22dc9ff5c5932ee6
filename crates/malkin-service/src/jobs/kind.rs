//! What every kind of job states: its name, its parameters as text, how long it is expected to run, and what it does.
//!
//! Clients read `payload.params` (named arguments in the order of the query string, then positional ones by number),
//! `payload.file_params` and `payload.descriptor` (`docs/reference/mcrit-api.md` 2.4), so these texts are part of the contract. A
//! worker reads them back: a job survives a restart with nothing but its row.
//!
//! Not here: the kinds themselves, each a file below `kinds`.

use malkin_report::{FamilyId, FunctionId, JobId, SampleId, Sha256};
use malkin_store::{Lane, NewJob, StoreError, Upload};
use serde_json::{Map, Value, json};

use super::running::JobControl;
use crate::corpus::Corpus;
use crate::error::JobError;
use crate::python_json;

/// Attempts of a job before it counts as failed (MCRIT 1.9.0).
pub const ATTEMPTS: u32 = 3;

/// A kind of job; a value is one request for such a job. Requests with equal name, parameters and file are one job.
pub trait Kind: Sized {
    /// Name of the work as clients see it.
    const METHOD: &'static str;
    /// Of the jobs of one client in one lane, those with a higher number run first.
    const PRIORITY: i64 = 0;
    /// Whether a client at its ceiling is refused.
    const IS_BOUNDED: bool = true;
    /// Whether the job shows progress from its start on. If not, clients see none before it is done.
    const REPORTS_START: bool = true;
    /// Whether results lose `matches.functions` in their compact form.
    const HAS_COMPACT_FORM: bool = false;

    /// The parameters.
    fn parameters(&self) -> Parameters;

    /// Reads the parameters back; `None` if they are not of this kind.
    fn read(parameters: &Parameters) -> Option<Self>;

    /// The parameters in the order that makes equal requests equal: by key, unless the reference has another order.
    fn identity(&self) -> Value {
        let mut sorted = Value::Object(self.parameters().0);
        sorted.sort_all_objects();
        sorted
    }

    /// How long the job is expected to run. `file_bytes` is the size of its file, 0 without one.
    fn lane(&self, corpus: &Corpus, file_bytes: usize) -> Result<Lane, StoreError>;

    /// Does the work and returns the result: JSON, stored once and served as it is.
    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError>;
}

/// Parameters of a job: an object whose positional members are numbered from 0.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Parameters(Map<String, Value>);

impl Parameters {
    /// Named arguments in their order. Positional ones follow.
    pub(crate) fn named(arguments: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self(arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Adds positional arguments, counted from 0. The file of a job is `null` among them.
    pub(crate) fn then(mut self, positional: impl IntoIterator<Item = Value>) -> Self {
        for (position, value) in positional.into_iter().enumerate() {
            self.0.insert(position.to_string(), value);
        }
        self
    }

    /// Positional arguments only.
    pub(crate) fn positional(arguments: impl IntoIterator<Item = Value>) -> Self {
        Self::default().then(arguments)
    }

    /// Reads the text of a stored job.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// All members, named ones first.
    pub(crate) fn object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// An argument by name or position.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The number at a position.
    fn number(&self, position: &str) -> Option<i64> {
        self.get(position)?.as_i64()
    }

    /// The sample at a position.
    pub(crate) fn sample(&self, position: &str) -> Option<SampleId> {
        self.number(position).map(SampleId::new)
    }

    /// The samples at a position.
    pub(crate) fn samples(&self, position: &str) -> Option<Vec<SampleId>> {
        let list = self.get(position)?.as_array()?;
        list.iter().map(|id| id.as_i64().map(SampleId::new)).collect()
    }

    /// The family at a position.
    pub(crate) fn family(&self, position: &str) -> Option<FamilyId> {
        self.number(position).map(FamilyId::new)
    }

    /// The function at a position.
    pub(crate) fn function(&self, position: &str) -> Option<FunctionId> {
        self.number(position).map(FunctionId::new)
    }
}

/// Samples as a parameter.
pub(crate) fn sample_list(samples: &[SampleId]) -> Value {
    samples.iter().map(|sample| json!(sample.get())).collect()
}

/// The queue's form of a request, without what is known of its client. `file` is the stored body of requests that have one,
/// with its canonical hash.
pub(super) fn new_job<K: Kind>(
    request: &K,
    file: Option<(&Upload, Sha256)>,
    dependencies: Vec<JobId>,
    always_new: bool,
) -> NewJob {
    let mut file_params = Map::new();
    let mut file_hashes = Map::new();
    if let Some((upload, identity)) = file {
        file_params.insert("0".to_owned(), json!(upload.id.to_string()));
        file_hashes.insert("0".to_owned(), json!(identity.to_string()));
    }
    NewJob {
        method: K::METHOD.to_owned(),
        params: python_json::to_text(&Value::Object(request.parameters().0)),
        file_params: python_json::to_text(&Value::Object(file_params)),
        descriptor: python_json::to_text(&json!([K::METHOD, request.identity(), file_hashes])),
        dependencies,
        priority: K::PRIORITY,
        attempts: ATTEMPTS,
        always_new,
        ..NewJob::default()
    }
}
