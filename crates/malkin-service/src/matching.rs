//! Comparisons, for jobs and for questions alike: load what matching needs, score, fetch the records of the samples found, write
//! the result. Nothing is stored.
//!
//! Not here: how functions are scored (`malkin-matching`), how a question uses several cores (`parallel`).

mod arguments;
mod parallel;

use std::cell::RefCell;
use std::time::Instant;

use malkin_matching::{Answer, Control, Hits, OwnFunction, OwnSample, Progress, QueryPlan, plan_vs};
use malkin_report::matching::{MatchInfo, MatchJob, MatchTuple, MatchedFunction, MatcherKind, OtherSamples};
use malkin_report::{FunctionId, SampleEntry, SampleId};
use malkin_store::{FunctionQuery, StoreError, Timestamp};

use crate::clock::micro_time;
use crate::corpus::Corpus;
use crate::error::{Cancelled, JobError};
use crate::stage::{Stage, timed};
use parallel::Limits;

pub use arguments::MatchArguments;

/// A stored sample against everything.
pub(crate) fn sample(
    corpus: &Corpus,
    id: SampleId,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let own = Own::load(corpus, id)?;
    let scan = QueryPlan::new(corpus.index().reader(), own.sample(), arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(corpus.match_time(), arguments), control)?;
    let asked = Asked::everything(MatcherKind::Sample, format!("MatcherSample({id})"));
    finish(corpus, &own, scored, asked, control)
}

/// A stored sample against another.
pub(crate) fn sample_vs(
    corpus: &Corpus,
    id: SampleId,
    other_id: SampleId,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let own = Own::load(corpus, id)?;
    let other = Own::load(corpus, other_id)?;
    let reader = corpus.index().reader();
    let scan = plan_vs(reader.projection(), own.sample(), &[other.sample()], arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(corpus.match_time(), arguments), control)?;
    let asked = Asked {
        kind: MatcherKind::Vs,
        parameters: format!("MatcherVs({id}, {other_id})"),
        others: OtherSamples::One(Box::new(other.entry)),
    };
    finish(corpus, &own, scored, asked, control)
}

/// A stored sample against several others.
pub(crate) fn sample_vs_group(
    corpus: &Corpus,
    id: SampleId,
    other_ids: &[SampleId],
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let own = Own::load(corpus, id)?;
    let others = other_ids.iter().map(|other| Own::load(corpus, *other)).collect::<Result<Vec<_>, _>>()?;
    let samples: Vec<OwnSample<'_>> = others.iter().map(Own::sample).collect();
    let reader = corpus.index().reader();
    let scan = plan_vs(reader.projection(), own.sample(), &samples, arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(corpus.match_time(), arguments), control)?;
    let ids: Vec<String> = other_ids.iter().map(SampleId::to_string).collect();
    let asked = Asked {
        kind: MatcherKind::VsGroup,
        parameters: format!("MatcherVsGroup({id}, [{}])", ids.join(", ")),
        others: OtherSamples::Group(others.into_iter().map(|other| other.entry).collect()),
    };
    finish(corpus, &own, scored, asked, control)
}

/// A stored function against everything. The reference has no such question; the answer has the shape of a query for one
/// function, with the numbers of the stored ones.
pub(crate) fn function(
    corpus: &Corpus,
    id: FunctionId,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    refuse_group_restriction(arguments)?;
    let started = Started::now(corpus);
    let missing = || JobError::failed(format!("there is no function {id}"));
    let function = corpus.store().functions(&FunctionQuery::ByIds(vec![id]))?.pop().ok_or_else(missing)?;
    let entry = corpus.store().sample(function.sample_id)?.ok_or_else(missing)?;
    let own = Own { entry, functions: vec![OwnFunction::from(&function)], started };
    let scan = QueryPlan::new(corpus.index().reader(), own.sample(), arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(corpus.match_time(), arguments), control)?;
    let asked = Asked::everything(MatcherKind::QueryFunction, format!("MatcherFunction({id})"));
    finish(corpus, &own, scored, asked, control)
}

/// A query whose sample is loaded.
pub(crate) fn own_query(
    corpus: &Corpus,
    own: &Own,
    summary: &str,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    let scan = QueryPlan::new(corpus.index().reader(), own.sample(), arguments.parameters());
    let scored = parallel::scan(scan, Limits::of(corpus.match_time(), arguments), control)?;
    let asked = Asked::everything(MatcherKind::Query, format!("MatcherQuery({summary})"));
    finish(corpus, own, scored, asked, control)
}

/// The reference's matchers do not know the parameter, and their jobs fail.
pub(crate) fn refuse_group_restriction(arguments: &MatchArguments) -> Result<(), JobError> {
    if arguments.has_group_restriction() {
        return Err(JobError::failed("sample_group_only is understood by cross comparisons only"));
    }
    Ok(())
}

/// When work began.
pub(crate) struct Started {
    at: Timestamp,
    clock: Instant,
}

impl Started {
    /// Now.
    pub(crate) fn now(corpus: &Corpus) -> Self {
        Self { at: corpus.now(), clock: Instant::now() }
    }

    fn job(&self, parameters: String) -> MatchJob {
        MatchJob { duration: self.clock.elapsed().as_secs_f64(), timestamp: micro_time(self.at), parameters }
    }
}

/// The side that asks: record and functions.
pub(crate) struct Own {
    /// The record.
    pub(crate) entry: SampleEntry,
    /// Functions in storage order.
    pub(crate) functions: Vec<OwnFunction>,
    /// When work began.
    pub(crate) started: Started,
}

impl Own {
    /// The stored sample of a query.
    pub(crate) fn query(corpus: &Corpus, entry: SampleEntry, started: Started) -> Result<Self, StoreError> {
        let functions = own_functions(corpus, entry.sample_id)?;
        Ok(Self { entry, functions, started })
    }

    fn load(corpus: &Corpus, id: SampleId) -> Result<Self, JobError> {
        timed(Stage::Read, || Self::read(corpus, id))
    }

    fn read(corpus: &Corpus, id: SampleId) -> Result<Self, JobError> {
        let started = Started::now(corpus);
        let entry =
            corpus.store().sample(id)?.ok_or_else(|| JobError::failed(format!("there is no sample {id}")))?;
        // Query samples are records to look at, not part of the corpus: the reference finds no function in them.
        let functions = if id.is_query() { Vec::new() } else { own_functions(corpus, id)? };
        Ok(Self { entry, functions, started })
    }

    /// What the matchers need.
    pub(crate) fn sample(&self) -> OwnSample<'_> {
        OwnSample { id: self.entry.sample_id, functions: &self.functions }
    }
}

fn own_functions(corpus: &Corpus, id: SampleId) -> Result<Vec<OwnFunction>, StoreError> {
    Ok(corpus.store().functions(&FunctionQuery::OfSample(id))?.iter().map(OwnFunction::from).collect())
}

/// The question that a result states.
pub(crate) struct Asked {
    /// Its kind.
    pub(crate) kind: MatcherKind,
    /// In words.
    pub(crate) parameters: String,
    /// What it was restricted to.
    pub(crate) others: OtherSamples,
}

impl Asked {
    /// A question without restriction.
    pub(crate) fn everything(kind: MatcherKind, parameters: String) -> Self {
        Self { kind, parameters, others: OtherSamples::All }
    }
}

/// Fetches the records of the samples found and writes the result.
pub(crate) fn finish(
    corpus: &Corpus,
    own: &Own,
    scored: Hits<'_>,
    asked: Asked,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    timed(Stage::Write, || write(corpus, own, scored, asked, control))
}

fn write(
    corpus: &Corpus,
    own: &Own,
    scored: Hits<'_>,
    asked: Asked,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    let by_id = corpus.index().records(corpus.store(), &scored.samples().collect::<Vec<_>>())?;
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
