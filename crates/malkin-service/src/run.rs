//! What each kind of job does. Results are JSON, stored once and served as they are.

mod binary;
mod cross;
mod maintenance;
mod matching;
mod modify;
mod now;
mod parallel;
mod rehash;
mod unique_blocks;

use std::ops::ControlFlow;

use malkin_loader::LoadOptions;
use malkin_matching::{Control, MatchError, Progress};
use malkin_store::{Job, StoreError};

use crate::disassembly::DisassemblyError;
use crate::engine::Engine;
use crate::ingest::IngestError;
use crate::queue::{Cancelled, JobControl};
use crate::request::{Request, UnknownRequest};
use crate::rule_check;

pub use now::FunctionPair;

/// Why a job ended without result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// Somebody asked it to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The store failed; worth another attempt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request cannot be carried out, however often it is tried.
    #[error("{0}")]
    Failed(String),
}

impl JobError {
    fn failed(cause: impl Into<String>) -> Self {
        Self::Failed(cause.into())
    }
}

impl From<UnknownRequest> for JobError {
    fn from(error: UnknownRequest) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<IngestError> for JobError {
    fn from(error: IngestError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<DisassemblyError> for JobError {
    fn from(error: DisassemblyError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<MatchError> for JobError {
    fn from(error: MatchError) -> Self {
        match error {
            MatchError::Cancelled => Self::Cancelled(Cancelled),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Runs a job and answers its result.
pub(crate) fn run(engine: &Engine, job: &Job, control: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
    let request = Request::from_job(job)?;
    // As in the reference, a cross comparison reports nothing before it is done.
    if !matches!(request, Request::CombineToCross(_)) {
        control.progress(0.0)?;
    }
    let reporting = &mut Reporting(control);
    match request {
        Request::UpdateMinHashesForSample(sample) => maintenance::count_signatures_of(engine, sample),
        Request::MatchSample(sample, arguments) => matching::sample(engine, sample, &arguments, reporting),
        Request::MatchSampleVs(sample, other, arguments) => {
            matching::sample_vs(engine, sample, other, &arguments, reporting)
        }
        Request::MatchSampleVsGroup(sample, others, arguments) => {
            matching::sample_vs_group(engine, sample, &others, &arguments, reporting)
        }
        Request::MatchFunction(function, arguments) => {
            matching::function(engine, function, &arguments, reporting)
        }
        Request::QueryReport(upload, arguments) => {
            matching::query(engine, upload, &arguments, control, reporting)
        }
        Request::QueryBinary(upload, arguments) => {
            let report = binary::report(engine, upload, "", LoadOptions::file(), control)?;
            matching::query_with(engine, report, &arguments, control, reporting)
        }
        Request::QueryMapped(upload, base, arguments) => {
            let report = binary::report(engine, upload, "", LoadOptions::buffer(base, None), control)?;
            matching::query_with(engine, report, &arguments, control, reporting)
        }
        Request::CheckRules(upload, first) => rule_check::run(engine, upload, &first, reporting),
        Request::AddBinary(upload, arguments) => binary::add(engine, upload, &arguments, control),
        Request::CombineToCross(jobs) => cross::combine(engine, &jobs, control),
        Request::UniqueBlocks(samples, arguments) => {
            unique_blocks::run(engine, &samples, &arguments, reporting)
        }
        Request::ModifySample(sample, changes) => modify::sample(engine, sample, &changes),
        Request::ModifyFamily(family, changes) => modify::family(engine, family, &changes),
        Request::DeleteSample(sample) => modify::delete_sample(engine, sample),
        Request::DeleteFamily { id, keep_samples } => modify::delete_family(engine, id, keep_samples),
        Request::Maintain(work) => maintenance::run(engine, work, control),
    }
}

/// Passes a matcher's progress on to the queue.
struct Reporting<'a>(&'a JobControl<'a>);

impl Control for Reporting<'_> {
    fn checkpoint(&mut self, progress: Progress) -> ControlFlow<()> {
        let share = if progress.total == 0 { 1.0 } else { progress.done as f64 / progress.total as f64 };
        match self.0.progress(share) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Cancelled) => ControlFlow::Break(()),
        }
    }
}
