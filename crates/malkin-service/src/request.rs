//! What a job is asked to do: the typed request, and the text forms that clients see and that identify equal requests.
//!
//! Clients read `payload.params` (named arguments in the order of the query string, then positional ones by number),
//! `payload.file_params` and `payload.descriptor` (`docs/reference/mcrit-api.md` 2.4), so these texts are part of the contract. The
//! worker reads them back: a job survives a restart with nothing but its row.

mod arguments;
mod binary;
mod changes;
mod display;
mod lane;
mod unique_blocks;

use malkin_report::{FamilyId, FunctionId, JobId, SampleId, UploadId};
use malkin_store::{NewJob, Upload};
use serde_json::{Map, Value, json};

use crate::python_json;

pub use arguments::MatchArguments;
pub use binary::BinaryArguments;
pub use changes::Changes;
pub use display::display_text;
pub use unique_blocks::BlockArguments;

/// Attempts of a job before it counts as failed (MCRIT 1.9.0).
pub const ATTEMPTS: u32 = 3;

/// A job's work.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// Counts the signatures of a sample. They were computed when the sample was added; MCRIT's clients wait for this
    /// job before they match.
    UpdateMinHashesForSample(SampleId),
    /// One stored sample against everything.
    MatchSample(SampleId, MatchArguments),
    /// One stored sample against another.
    MatchSampleVs(SampleId, SampleId, MatchArguments),
    /// One stored sample against several others.
    MatchSampleVsGroup(SampleId, Vec<SampleId>, MatchArguments),
    /// One stored function against everything.
    MatchFunction(FunctionId, MatchArguments),
    /// Several samples side by side: combines the results of a job for each of them.
    CombineToCross(Vec<(SampleId, JobId)>),
    /// Blocks that several samples have and no other sample has.
    UniqueBlocks(Vec<SampleId>, BlockArguments),
    /// A report against everything, without storing it.
    QueryReport(UploadId, MatchArguments),
    /// An executable against everything, without storing it.
    QueryBinary(UploadId, MatchArguments),
    /// A memory dump mapped at an address against everything, without storing it.
    QueryMapped(UploadId, u64, MatchArguments),
    /// YARA rules over all kept executables, those of the samples first. Ours.
    CheckRules(UploadId, Vec<SampleId>),
    /// Disassembles an executable and stores it as a sample.
    AddBinary(UploadId, BinaryArguments),
    /// Changes a sample.
    ModifySample(SampleId, Changes),
    /// Changes a family.
    ModifyFamily(FamilyId, Changes),
    /// Deletes a sample.
    DeleteSample(SampleId),
    /// Deletes a family, with or without its samples.
    DeleteFamily {
        /// The family.
        id: FamilyId,
        /// Whether its samples move to the nameless family instead of being deleted.
        keep_samples: bool,
    },
    /// Work on the whole corpus.
    Maintain(Maintenance),
}

/// Work on the whole corpus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maintenance {
    /// Computes signatures that are missing.
    CompleteMinHashes,
    /// Builds the index anew from the store.
    RebuildIndex,
    /// The same, answered with the number of distinct block hashes.
    RebuildBlockIndex,
    /// Counts families anew.
    RecomputeFamilyStats,
    /// Computes PicHashes and block hashes of samples that an older disassembler hashed.
    RecalculatePicHashes,
    /// Computes all signatures anew.
    RecalculateMinHashes,
    /// Computes signatures anew that an older escaper made.
    RepairMinHashes,
}

impl Maintenance {
    const ALL: [Self; 7] = [
        Self::CompleteMinHashes,
        Self::RebuildIndex,
        Self::RebuildBlockIndex,
        Self::RecomputeFamilyStats,
        Self::RecalculatePicHashes,
        Self::RecalculateMinHashes,
        Self::RepairMinHashes,
    ];

    fn method(self) -> &'static str {
        match self {
            Self::CompleteMinHashes => "updateMinHashes",
            Self::RebuildIndex => "rebuildIndex",
            Self::RebuildBlockIndex => "rebuildPicBlockHashIndex",
            Self::RecomputeFamilyStats => "recomputeFamilyStats",
            Self::RecalculatePicHashes => "recalculatePicHashes",
            Self::RecalculateMinHashes => "recalculateMinHashes",
            Self::RepairMinHashes => "repairMinHashes",
        }
    }
}

/// Why a stored job cannot be read as a request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot run {method} with parameters {params}")]
pub struct UnknownRequest {
    method: String,
    params: String,
}

impl Request {
    /// Name of the work as clients see it.
    pub fn method(&self) -> &'static str {
        match self {
            Self::UpdateMinHashesForSample(_) => "updateMinHashesForSample",
            Self::MatchSample(..) => "getMatchesForSample",
            Self::MatchSampleVs(..) => "getMatchesForSampleVs",
            Self::MatchSampleVsGroup(..) => "getMatchesForSampleVsGroup",
            Self::MatchFunction(..) => "getMatchesForFunction",
            Self::CombineToCross(_) => "combineMatchesToCross",
            Self::UniqueBlocks(..) => "getUniqueBlocks",
            Self::QueryReport(..) => "getMatchesForSmdaReport",
            Self::QueryBinary(..) => "getMatchesForUnmappedBinary",
            Self::QueryMapped(..) => "getMatchesForMappedBinary",
            Self::CheckRules(..) => "checkRules",
            Self::AddBinary(..) => "addBinarySample",
            Self::ModifySample(..) => "modifySample",
            Self::ModifyFamily(..) => "modifyFamily",
            Self::DeleteSample(_) => "deleteSample",
            Self::DeleteFamily { .. } => "deleteFamily",
            Self::Maintain(work) => work.method(),
        }
    }

    fn named(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::MatchSample(_, arguments)
            | Self::MatchSampleVs(_, _, arguments)
            | Self::MatchSampleVsGroup(_, _, arguments)
            | Self::MatchFunction(_, arguments)
            | Self::QueryReport(_, arguments)
            | Self::QueryBinary(_, arguments)
            | Self::QueryMapped(_, _, arguments) => arguments.named().collect(),
            Self::UniqueBlocks(_, arguments) => arguments.named().collect(),
            Self::DeleteFamily { keep_samples, .. } => vec![("keep_samples", json!(keep_samples))],
            Self::UpdateMinHashesForSample(_)
            | Self::CombineToCross(_)
            | Self::CheckRules(..)
            | Self::AddBinary(..)
            | Self::ModifySample(..)
            | Self::ModifyFamily(..)
            | Self::DeleteSample(_)
            | Self::Maintain(_) => Vec::new(),
        }
    }

    fn positional(&self) -> Vec<Value> {
        match self {
            Self::UpdateMinHashesForSample(sample)
            | Self::MatchSample(sample, _)
            | Self::DeleteSample(sample) => {
                vec![json!(sample.get())]
            }
            Self::MatchSampleVs(a, b, _) => vec![json!(a.get()), json!(b.get())],
            Self::MatchSampleVsGroup(sample, others, _) => {
                vec![json!(sample.get()), others.iter().map(|other| json!(other.get())).collect()]
            }
            Self::MatchFunction(function, _) => vec![json!(function.get())],
            Self::CombineToCross(jobs) => vec![jobs_by_sample(jobs)],
            Self::UniqueBlocks(samples, _) => {
                vec![samples.iter().map(|sample| json!(sample.get())).collect()]
            }
            Self::QueryReport(..)
            | Self::QueryBinary(..)
            | Self::Maintain(Maintenance::CompleteMinHashes) => vec![Value::Null],
            Self::QueryMapped(_, base, _) => vec![Value::Null, json!(base)],
            Self::CheckRules(_, samples) => {
                vec![Value::Null, samples.iter().map(|sample| json!(sample.get())).collect()]
            }
            Self::AddBinary(_, arguments) => arguments.positional(),
            Self::ModifySample(sample, changes) => vec![json!(sample.get()), changes.to_value()],
            Self::ModifyFamily(family, changes) => vec![json!(family.get()), changes.to_value()],
            Self::DeleteFamily { id, .. } => vec![json!(id.get())],
            Self::Maintain(_) => Vec::new(),
        }
    }

    /// The queue's form. `upload` is the stored body of requests that have one; `identity` its canonical hash.
    pub fn to_job(
        &self,
        upload: Option<(&Upload, malkin_report::Sha256)>,
        dependencies: Vec<JobId>,
        always_new: bool,
    ) -> NewJob {
        let mut params = Map::new();
        for (name, value) in self.named() {
            params.insert(name.to_owned(), value);
        }
        for (position, value) in self.positional().into_iter().enumerate() {
            params.insert(position.to_string(), value);
        }
        let mut file_params = Map::new();
        let mut file_hashes = Map::new();
        if let Some((upload, identity)) = upload {
            file_params.insert("0".to_owned(), json!(upload.id.to_string()));
            file_hashes.insert("0".to_owned(), json!(identity.to_string()));
        }
        let params = Value::Object(params);
        let mut sorted = params.clone();
        sorted.sort_all_objects();
        if let Self::CombineToCross(jobs) = self {
            // These keys are numbers in the reference and sorted as such.
            let mut jobs = jobs.clone();
            jobs.sort_by_key(|(sample, _)| *sample);
            sorted["0"] = jobs_by_sample(&jobs);
        }
        NewJob {
            method: self.method().to_owned(),
            params: python_json::to_text(&params),
            file_params: python_json::to_text(&Value::Object(file_params)),
            descriptor: python_json::to_text(&json!([self.method(), sorted, file_hashes])),
            dependencies,
            attempts: ATTEMPTS,
            always_new,
            ..NewJob::default()
        }
    }

    /// The same request about another upload; requests without one stay as they are.
    pub(crate) fn of_upload(mut self, id: UploadId) -> Self {
        match &mut self {
            Self::QueryReport(upload, _)
            | Self::QueryBinary(upload, _)
            | Self::QueryMapped(upload, ..)
            | Self::CheckRules(upload, _)
            | Self::AddBinary(upload, _) => *upload = id,
            _ => {}
        }
        self
    }

    /// Reads the queue's form back.
    pub fn from_job(job: &malkin_store::Job) -> Result<Self, UnknownRequest> {
        Self::parse(&job.method, &job.params, &job.file_params)
            .ok_or_else(|| UnknownRequest { method: job.method.clone(), params: job.params.clone() })
    }

    fn parse(method: &str, params: &str, file_params: &str) -> Option<Self> {
        let params: Map<String, Value> = serde_json::from_str(params).ok()?;
        let files: Map<String, Value> = serde_json::from_str(file_params).ok()?;
        let number = |position: &str| params.get(position)?.as_i64();
        let object = |position: &str| params.get(position)?.as_object();
        let upload = || UploadId::parse(files.get("0")?.as_str()?);
        let arguments = MatchArguments::read(&params);
        Some(match method {
            "updateMinHashesForSample" => Self::UpdateMinHashesForSample(SampleId::new(number("0")?)),
            "getMatchesForSample" => Self::MatchSample(SampleId::new(number("0")?), arguments),
            "getMatchesForSampleVs" => {
                Self::MatchSampleVs(SampleId::new(number("0")?), SampleId::new(number("1")?), arguments)
            }
            "getMatchesForSampleVsGroup" => {
                let others = sample_list(params.get("1")?)?;
                Self::MatchSampleVsGroup(SampleId::new(number("0")?), others, arguments)
            }
            "getMatchesForFunction" => Self::MatchFunction(FunctionId::new(number("0")?), arguments),
            "combineMatchesToCross" => {
                let jobs = object("0")?.iter().map(|(sample, job)| {
                    Some((SampleId::new(sample.parse().ok()?), JobId::parse(job.as_str()?)?))
                });
                Self::CombineToCross(jobs.collect::<Option<_>>()?)
            }
            "getUniqueBlocks" => {
                Self::UniqueBlocks(sample_list(params.get("0")?)?, BlockArguments::read(&params))
            }
            "getMatchesForSmdaReport" => Self::QueryReport(upload()?, arguments),
            "getMatchesForUnmappedBinary" => Self::QueryBinary(upload()?, arguments),
            "getMatchesForMappedBinary" => {
                Self::QueryMapped(upload()?, params.get("1")?.as_u64()?, arguments)
            }
            "checkRules" => Self::CheckRules(upload()?, sample_list(params.get("1")?)?),
            "addBinarySample" => Self::AddBinary(upload()?, BinaryArguments::read(&params)?),
            "modifySample" => {
                Self::ModifySample(SampleId::new(number("0")?), Changes::new(object("1")?.clone()))
            }
            "modifyFamily" => {
                Self::ModifyFamily(FamilyId::new(number("0")?), Changes::new(object("1")?.clone()))
            }
            "deleteSample" => Self::DeleteSample(SampleId::new(number("0")?)),
            "deleteFamily" => {
                let keep_samples = params.get("keep_samples")?.as_bool()?;
                Self::DeleteFamily { id: FamilyId::new(number("0")?), keep_samples }
            }
            _ => Self::Maintain(Maintenance::ALL.into_iter().find(|work| work.method() == method)?),
        })
    }

    /// Whether results of this kind lose `matches.functions` in their compact form.
    pub fn has_compact_form(method: &str) -> bool {
        matches!(
            method,
            "getMatchesForSample"
                | "getMatchesForSampleVs"
                | "getMatchesForSmdaReport"
                | "getMatchesForMappedBinary"
                | "getMatchesForUnmappedBinary"
        )
    }
}

fn sample_list(value: &Value) -> Option<Vec<SampleId>> {
    value.as_array()?.iter().map(|id| id.as_i64().map(SampleId::new)).collect()
}

fn jobs_by_sample(jobs: &[(SampleId, JobId)]) -> Value {
    Value::Object(jobs.iter().map(|(sample, job)| (sample.to_string(), json!(job.to_string()))).collect())
}

#[cfg(test)]
mod tests;
