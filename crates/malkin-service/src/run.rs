//! What each kind of job does. Results are JSON, stored once and served as they are.

use std::ops::ControlFlow;
use std::time::Instant;

use malkin_matching::{
    Control, MatchError, OwnFunction, OwnSample, Progress, Scored, match_query, match_sample, match_vs,
};
use malkin_report::matching::{MatchInfo, MatchJob, MatcherKind, MatchingResult, OtherSamples};
use malkin_report::{Report, SampleEntry, SampleId, wire};
use malkin_store::{FunctionQuery, Job, StoreError, Timestamp};
use serde_json::json;

use crate::clock::micro_time;
use crate::engine::{Engine, ServiceError};
use crate::ingest::{IngestError, Ingested, ingest, read_report};
use crate::queue::{Cancelled, JobControl};
use crate::request::{MatchArguments, Request, UnknownRequest};

/// Signatures computed at once by the reference; its jobs tell the number in the last batch only.
const REFERENCE_BATCH: usize = 10_000;

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
    control.progress(0.0)?;
    match Request::from_job(job)? {
        Request::UpdateMinHashesForSample(sample) => update_minhashes(engine, sample),
        Request::MatchSample(sample, arguments) => {
            refuse_group_restriction(&arguments)?;
            Ok(to_json(&matched_sample(engine, sample, &arguments, &mut Reporting(control))?))
        }
        Request::MatchSampleVs(sample, other, arguments) => {
            refuse_group_restriction(&arguments)?;
            Ok(to_json(&matched_vs(engine, sample, other, &arguments, &mut Reporting(control))?))
        }
        Request::QueryReport(upload, arguments) => {
            refuse_group_restriction(&arguments)?;
            let body = engine
                .store()
                .upload(upload)?
                .ok_or_else(|| JobError::Failed("the uploaded report is gone".to_owned()))?;
            let started = Started::now(engine);
            let ingested = ingest(read_report(&body)?, engine.hasher())?;
            drop(body);
            let (entry, _) = engine.store().add_query_sample(&ingested.sample, engine.now())?;
            let functions = own_functions(engine, entry.sample_id)?;
            let own = Own { entry, functions, started };
            Ok(to_json(&matched_query(engine, own, &ingested.summary, &arguments, &mut Reporting(control))?))
        }
        Request::RebuildIndex => {
            let indexed = engine.memory().rebuild(engine.store())?;
            Ok(json!({"minhash_functions_indexed": indexed}).to_string().into_bytes())
        }
    }
}

/// The reference's matchers do not know the parameter, and their jobs fail.
fn refuse_group_restriction(arguments: &MatchArguments) -> Result<(), JobError> {
    if arguments.has_group_restriction() {
        return Err(JobError::Failed("sample_group_only is understood by cross comparisons only".to_owned()));
    }
    Ok(())
}

/// Signatures are computed when a sample is added, so this only tells their number, in the reference's way of counting.
fn update_minhashes(engine: &Engine, sample: SampleId) -> Result<Vec<u8>, JobError> {
    if engine.store().sample(sample)?.is_none() {
        return Err(JobError::Failed(format!("sample {sample} is gone")));
    }
    let functions = engine.store().functions(&FunctionQuery::OfSample(sample))?;
    let hashed = functions.iter().filter(|function| !function.minhash.is_empty()).count();
    let last_batch = if hashed == 0 { 0 } else { (hashed - 1) % REFERENCE_BATCH + 1 };
    Ok(last_batch.to_string().into_bytes())
}

struct Started {
    at: Timestamp,
    clock: Instant,
}

impl Started {
    fn now(engine: &Engine) -> Self {
        Self { at: engine.now(), clock: Instant::now() }
    }

    fn job(&self, parameters: String) -> MatchJob {
        MatchJob { duration: self.clock.elapsed().as_secs_f64(), timestamp: micro_time(self.at), parameters }
    }
}

struct Own {
    entry: SampleEntry,
    functions: Vec<OwnFunction>,
    started: Started,
}

impl Own {
    fn load(engine: &Engine, id: SampleId) -> Result<Self, JobError> {
        let started = Started::now(engine);
        let entry =
            engine.store().sample(id)?.ok_or_else(|| JobError::Failed(format!("there is no sample {id}")))?;
        // Query samples are records to look at, not part of the corpus: the reference finds no function in them.
        let functions = if id.is_query() { Vec::new() } else { own_functions(engine, id)? };
        Ok(Self { entry, functions, started })
    }

    fn sample(&self) -> OwnSample<'_> {
        OwnSample { id: self.entry.sample_id, functions: &self.functions }
    }
}

fn own_functions(engine: &Engine, id: SampleId) -> Result<Vec<OwnFunction>, StoreError> {
    Ok(engine.store().functions(&FunctionQuery::OfSample(id))?.iter().map(OwnFunction::from).collect())
}

fn matched_sample(
    engine: &Engine,
    id: SampleId,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<MatchingResult, JobError> {
    let own = Own::load(engine, id)?;
    let scored = match_sample(&engine.memory().snapshot(), own.sample(), arguments.parameters(), control)?;
    let parameters = format!("MatcherSample({id})");
    finish(engine, &own, scored, MatcherKind::Sample, parameters, OtherSamples::All, control)
}

fn matched_vs(
    engine: &Engine,
    id: SampleId,
    other_id: SampleId,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<MatchingResult, JobError> {
    let own = Own::load(engine, id)?;
    let other = Own::load(engine, other_id)?;
    let snapshot = engine.memory().snapshot();
    let scored =
        match_vs(snapshot.projection(), own.sample(), &[other.sample()], arguments.parameters(), control)?;
    let parameters = format!("MatcherVs({id}, {other_id})");
    finish(
        engine,
        &own,
        scored,
        MatcherKind::Vs,
        parameters,
        OtherSamples::One(Box::new(other.entry)),
        control,
    )
}

fn matched_query(
    engine: &Engine,
    own: Own,
    summary: &str,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<MatchingResult, JobError> {
    let scored = match_query(&engine.memory().snapshot(), own.sample(), arguments.parameters(), control)?;
    finish(
        engine,
        &own,
        scored,
        MatcherKind::Query,
        format!("MatcherQuery({summary})"),
        OtherSamples::All,
        control,
    )
}

fn finish(
    engine: &Engine,
    own: &Own,
    scored: Scored<'_>,
    kind: MatcherKind,
    parameters: String,
    others: OtherSamples,
    control: &mut dyn Control,
) -> Result<MatchingResult, JobError> {
    let records = engine.store().samples_by_ids(&scored.samples().collect::<Vec<_>>())?;
    let by_id: std::collections::HashMap<SampleId, SampleEntry> =
        records.into_iter().map(|sample| (sample.sample_id, sample)).collect();
    let info = MatchInfo { job: Some(own.started.job(parameters)), sample: own.entry.clone(), kind };
    Ok(scored.into_result(info, others, |id| by_id.get(&id).cloned(), control)?)
}

fn to_json(result: &MatchingResult) -> Vec<u8> {
    wire::matching_result_to_json(result, false)
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

impl Engine {
    /// A report against everything, here and now; nothing is stored.
    pub fn query_now(&self, report: Report, arguments: &MatchArguments) -> Result<Vec<u8>, ServiceError> {
        let started = Started::now(self);
        let Ingested { sample, summary, .. } = ingest(report, self.hasher())?;
        let (entry, functions) = transient(sample);
        let own = Own { entry, functions, started };
        let result = matched_query(self, own, &summary, arguments, &mut malkin_matching::Unlimited);
        Ok(to_json(&result.map_err(unanswerable)?))
    }

    /// A stored sample against everything or one other, here and now.
    pub fn match_now(
        &self,
        id: SampleId,
        other: Option<SampleId>,
        arguments: &MatchArguments,
    ) -> Result<Vec<u8>, ServiceError> {
        let control = &mut malkin_matching::Unlimited;
        let result = match other {
            None => matched_sample(self, id, arguments, control),
            Some(other) => matched_vs(self, id, other, arguments, control),
        };
        Ok(to_json(&result.map_err(unanswerable)?))
    }
}

fn unanswerable(error: JobError) -> ServiceError {
    match error {
        JobError::Store(error) => ServiceError::Store(error),
        other => ServiceError::Unanswerable(other.to_string()),
    }
}

/// The record a query's sample would get, and its functions, without a store: sample -1, functions -1, -2, ...
fn transient(sample: malkin_store::NewSample) -> (SampleEntry, Vec<OwnFunction>) {
    let functions = sample.functions.into_iter().zip(1..).map(|(function, number)| OwnFunction {
        id: malkin_report::FunctionId::new(-number),
        offset: function.offset,
        num_instructions: function.num_instructions,
        num_blocks: function.num_blocks,
        binweight: function.binweight,
        pichash: function.pichash,
        minhash: function.minhash,
    });
    let functions = functions.collect();
    let entry = SampleEntry {
        sample_id: SampleId::new(-1),
        family_id: malkin_report::FamilyId::NAMELESS,
        family: sample.family,
        version: sample.version,
        component: sample.component,
        filename: sample.filename,
        is_library: sample.is_library,
        sha256: sample.sha256,
        architecture: sample.architecture,
        bitness: sample.bitness,
        base_addr: sample.base_addr,
        binary_size: sample.binary_size,
        binweight: sample.binweight,
        smda_version: sample.smda_version,
        statistics: sample.statistics,
        timestamp: sample.timestamp,
    };
    (entry, functions)
}
