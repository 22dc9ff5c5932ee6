//! Jobs that match: load what matching needs, score, fetch the records of the samples found, write the result.

use std::cell::RefCell;
use std::time::Instant;

use malkin_matching::{Answer, Control, Hits, OwnFunction, OwnSample, Progress, QueryPlan, plan_vs};
use malkin_report::matching::{MatchInfo, MatchJob, MatchTuple, MatchedFunction, MatcherKind, OtherSamples};
use malkin_report::{FunctionId, Report, SampleEntry, SampleId, UploadId};
use malkin_store::{FunctionQuery, StoreError, Timestamp};

use super::JobError;
use super::parallel::{self, Limits};
use crate::clock::micro_time;
use crate::engine::Engine;
use crate::ingest::{ingest, read_report};
use crate::queue::{Cancelled, JobControl};
use crate::request::MatchArguments;
use crate::stage::{Stage, timed};

/// A stored sample against everything.
pub(super) fn sample(
    engine: &Engine,
    id: SampleId,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let own = Own::load(engine, id)?;
    let scan = QueryPlan::new(engine.memory().reader(), own.sample(), arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(engine, arguments), control)?;
    let asked = Asked::everything(MatcherKind::Sample, format!("MatcherSample({id})"));
    finish(engine, &own, scored, asked, control)
}

/// A stored sample against another.
pub(super) fn sample_vs(
    engine: &Engine,
    id: SampleId,
    other_id: SampleId,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let own = Own::load(engine, id)?;
    let other = Own::load(engine, other_id)?;
    let reader = engine.memory().reader();
    let scan = plan_vs(reader.projection(), own.sample(), &[other.sample()], arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(engine, arguments), control)?;
    let asked = Asked {
        kind: MatcherKind::Vs,
        parameters: format!("MatcherVs({id}, {other_id})"),
        others: OtherSamples::One(Box::new(other.entry)),
    };
    finish(engine, &own, scored, asked, control)
}

/// A stored sample against several others.
pub(super) fn sample_vs_group(
    engine: &Engine,
    id: SampleId,
    other_ids: &[SampleId],
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let own = Own::load(engine, id)?;
    let others = other_ids.iter().map(|other| Own::load(engine, *other)).collect::<Result<Vec<_>, _>>()?;
    let samples: Vec<OwnSample<'_>> = others.iter().map(Own::sample).collect();
    let reader = engine.memory().reader();
    let scan = plan_vs(reader.projection(), own.sample(), &samples, arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(engine, arguments), control)?;
    let ids: Vec<String> = other_ids.iter().map(SampleId::to_string).collect();
    let asked = Asked {
        kind: MatcherKind::VsGroup,
        parameters: format!("MatcherVsGroup({id}, [{}])", ids.join(", ")),
        others: OtherSamples::Group(others.into_iter().map(|other| other.entry).collect()),
    };
    finish(engine, &own, scored, asked, control)
}

/// A stored function against everything. The reference has no such question; the answer has the shape of a query for one
/// function, with the numbers of the stored ones.
pub(super) fn function(
    engine: &Engine,
    id: FunctionId,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let started = Started::now(engine);
    let missing = || JobError::failed(format!("there is no function {id}"));
    let function = engine.store().functions(&FunctionQuery::ByIds(vec![id]))?.pop().ok_or_else(missing)?;
    let entry = engine.store().sample(function.sample_id)?.ok_or_else(missing)?;
    let own = Own { entry, functions: vec![OwnFunction::from(&function)], started };
    let scan = QueryPlan::new(engine.memory().reader(), own.sample(), arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(engine, arguments), control)?;
    let asked = Asked::everything(MatcherKind::QueryFunction, format!("MatcherFunction({id})"));
    finish(engine, &own, scored, asked, control)
}

/// A report against everything; its sample is stored under a negative number for as long as the job is.
pub(super) fn query(
    engine: &Engine,
    upload: UploadId,
    arguments: &MatchArguments,
    job: &JobControl<'_>,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    let body =
        engine.store().upload(upload)?.ok_or_else(|| JobError::failed("the uploaded report is gone"))?;
    let report = read_report(&body)?;
    drop(body);
    query_with(engine, report, arguments, job, control)
}

/// As [`query`], with the report at hand.
pub(super) fn query_with(
    engine: &Engine,
    report: Report,
    arguments: &MatchArguments,
    job: &JobControl<'_>,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let started = Started::now(engine);
    let ingested = ingest(report, engine.hasher())?;
    let (entry, _) = timed(Stage::Store, || engine.store().add_query_sample(&ingested.sample, engine.now()))?;
    job.own_query_sample(entry.sample_id)?;
    let functions = own_functions(engine, entry.sample_id)?;
    let own = Own { entry, functions, started };
    own_query(engine, &own, &ingested.summary, arguments, control)
}

/// A query whose sample is at hand.
pub(super) fn own_query(
    engine: &Engine,
    own: &Own,
    summary: &str,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    let scan = QueryPlan::new(engine.memory().reader(), own.sample(), arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(engine, arguments), control)?;
    let asked = Asked::everything(MatcherKind::Query, format!("MatcherQuery({summary})"));
    finish(engine, own, scored, asked, control)
}

/// The reference's matchers do not know the parameter, and their jobs fail.
fn refuse_group_restriction(arguments: &MatchArguments) -> Result<(), JobError> {
    if arguments.has_group_restriction() {
        return Err(JobError::failed("sample_group_only is understood by cross comparisons only"));
    }
    Ok(())
}

/// When work began.
pub(super) struct Started {
    at: Timestamp,
    clock: Instant,
}

impl Started {
    /// Now.
    pub(super) fn now(engine: &Engine) -> Self {
        Self { at: engine.now(), clock: Instant::now() }
    }

    fn job(&self, parameters: String) -> MatchJob {
        MatchJob { duration: self.clock.elapsed().as_secs_f64(), timestamp: micro_time(self.at), parameters }
    }
}

/// The side that asks: record and functions.
pub(super) struct Own {
    /// The record.
    pub(super) entry: SampleEntry,
    /// Functions in storage order.
    pub(super) functions: Vec<OwnFunction>,
    /// When work began.
    pub(super) started: Started,
}

impl Own {
    fn load(engine: &Engine, id: SampleId) -> Result<Self, JobError> {
        timed(Stage::Read, || Self::read(engine, id))
    }

    fn read(engine: &Engine, id: SampleId) -> Result<Self, JobError> {
        let started = Started::now(engine);
        let entry =
            engine.store().sample(id)?.ok_or_else(|| JobError::failed(format!("there is no sample {id}")))?;
        // Query samples are records to look at, not part of the corpus: the reference finds no function in them.
        let functions = if id.is_query() { Vec::new() } else { own_functions(engine, id)? };
        Ok(Self { entry, functions, started })
    }

    /// What the matchers need.
    pub(super) fn sample(&self) -> OwnSample<'_> {
        OwnSample { id: self.entry.sample_id, functions: &self.functions }
    }
}

fn own_functions(engine: &Engine, id: SampleId) -> Result<Vec<OwnFunction>, StoreError> {
    Ok(engine.store().functions(&FunctionQuery::OfSample(id))?.iter().map(OwnFunction::from).collect())
}

/// The question a result tells.
pub(super) struct Asked {
    /// Its kind.
    pub(super) kind: MatcherKind,
    /// In words.
    pub(super) parameters: String,
    /// What it was restricted to.
    pub(super) others: OtherSamples,
}

impl Asked {
    /// A question without restriction.
    pub(super) fn everything(kind: MatcherKind, parameters: String) -> Self {
        Self { kind, parameters, others: OtherSamples::All }
    }
}

/// Fetches the records of the samples found and writes the result.
pub(super) fn finish(
    engine: &Engine,
    own: &Own,
    scored: Hits<'_>,
    asked: Asked,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    timed(Stage::Write, || write(engine, own, scored, asked, control))
}

fn write(
    engine: &Engine,
    own: &Own,
    scored: Hits<'_>,
    asked: Asked,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    let by_id = engine.memory().records(engine.store(), &scored.samples().collect::<Vec<_>>())?;
    let job = Some(own.started.job(asked.parameters));
    let info = MatchInfo { job, sample: own.entry.clone(), kind: asked.kind };
    let answer = scored.into_answer(info, asked.others, |id| by_id.get(&id).cloned(), control)?;
    let writing = Writing { answer: &answer, control: RefCell::new(control) };
    malkin_wire::matching_result_from_source(answer.rest(), &writing).ok_or(JobError::Cancelled(Cancelled))
}

/// An answer while it is written.
struct Writing<'a, 'b> {
    answer: &'a Answer<'b>,
    control: RefCell<&'a mut dyn Control>,
}

impl malkin_wire::MatchSource for Writing<'_, '_> {
    fn num_functions(&self) -> usize {
        self.answer.num_functions()
    }

    fn num_matches(&self) -> usize {
        self.answer.num_matches()
    }

    fn function(&self, at: usize) -> MatchedFunction {
        self.answer.function(at)
    }

    fn matches(&self, at: usize) -> impl Iterator<Item = MatchTuple> {
        self.answer.matches(at)
    }

    fn proceed(&self, at: usize) -> bool {
        let progress = Progress { done: at, total: self.answer.num_functions() };
        self.control.borrow_mut().checkpoint(progress).is_continue()
    }
}
