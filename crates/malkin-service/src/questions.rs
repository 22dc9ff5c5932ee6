//! Questions that are answered at once, without a job: comparisons for the command line, single functions, and what results say.
//!
//! Everything is a function over a corpus. Nothing is stored and nothing is queued.

mod attribution;
mod hashes;

use std::ops::ControlFlow;

use malkin_codehash::HashPath;
use malkin_matching::{
    Control, NeverCancelled, OwnFunction, Progress, match_functions, match_query_function,
};
use malkin_report::matching::MatcherKind;
use malkin_report::{
    FunctionEntry, FunctionId, FunctionMatch, MatchedSample, Report, SampleEntry, SampleId, UniqueBlocks,
};
use malkin_store::{FunctionQuery, StoreError};

use crate::corpus::Corpus;
use crate::corpus::ingest::{Ingested, ingest, ingest_on, read_report};
use crate::error::{JobError, ServiceError};
use crate::jobs::kinds::check_rules::{self, RuleCheck};
use crate::jobs::kinds::combine_cross::{compared, side_by_side};
use crate::jobs::kinds::unique_blocks::{self, BlockArguments};
use crate::matching::{self, Asked, MatchArguments, Own, Started};

pub use attribution::attribution;
pub use hashes::{FunctionPlace, with_block, with_pichash};

/// Two stored functions with their samples, compared.
#[derive(Clone, PartialEq, Debug)]
pub struct FunctionPair {
    /// The functions.
    pub functions: [FunctionEntry; 2],
    /// Their disassembly as compact JSON; none where it was dropped.
    pub disassembly: [Option<Vec<u8>>; 2],
    /// Their samples.
    pub samples: [SampleEntry; 2],
    /// How alike they are.
    pub matched: FunctionMatch,
}

/// A report against everything, here and now; nothing is stored.
pub fn query(corpus: &Corpus, report: Report, arguments: &MatchArguments) -> Result<Vec<u8>, ServiceError> {
    let started = Started::now(corpus);
    let Ingested { sample, summary, .. } = ingest(report, corpus.hasher())?;
    let (entry, functions) = transient(sample);
    let own = Own { entry, functions, started };
    matching::own_query(corpus, &own, &summary, arguments, &mut NeverCancelled).map_err(ServiceError::from)
}

/// A stored sample against everything or one other, here and now.
pub fn match_sample(
    corpus: &Corpus,
    id: SampleId,
    other: Option<SampleId>,
    arguments: &MatchArguments,
) -> Result<Vec<u8>, ServiceError> {
    let control: &mut dyn Control = &mut NeverCancelled;
    let result = match other {
        None => matching::sample(corpus, id, arguments, control),
        Some(other) => matching::sample_vs(corpus, id, other, arguments, control),
    };
    result.map_err(ServiceError::from)
}

/// A stored sample against everything, here and now, for as long as `go_on` wants: it is shown the share that is done every few
/// milliseconds. `None` if it ended the comparison.
pub fn match_while(
    corpus: &Corpus,
    id: SampleId,
    arguments: &MatchArguments,
    go_on: &mut dyn FnMut(f64) -> bool,
) -> Result<Option<Vec<u8>>, ServiceError> {
    let mut control = |progress: Progress| {
        let share = progress.done as f64 / progress.total.max(1) as f64;
        if go_on(share) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    match matching::sample(corpus, id, arguments, &mut control) {
        Err(JobError::Cancelled(_)) => Ok(None),
        result => result.map(Some).map_err(ServiceError::from),
    }
}

/// A stored function against everything, here and now.
pub fn match_function(
    corpus: &Corpus,
    id: FunctionId,
    arguments: &MatchArguments,
) -> Result<Vec<u8>, ServiceError> {
    matching::function(corpus, id, arguments, &mut NeverCancelled).map_err(ServiceError::from)
}

/// The only function of a report against everything; nothing is stored. It is hashed with its report at hand, which
/// differs from what is stored for a few architectures, as in the reference. With `exclude_self` the stored sample that
/// the report was made of counts as the own one: its functions are self matches.
pub fn query_function(
    corpus: &Corpus,
    body: &[u8],
    arguments: &MatchArguments,
    exclude_self: bool,
) -> Result<Vec<u8>, ServiceError> {
    let started = Started::now(corpus);
    let mut report = read_report(body)?;
    if report.functions.len() != 1 {
        let text = format!("expected a report with one function, got {}", report.functions.len());
        return Err(ServiceError::Unanswerable(text));
    }
    // Reports made for one function may lack the counts; nothing here depends on them.
    report.statistics.get_or_insert_default();
    let Ingested { sample, .. } = ingest_on(HashPath::Report, report, corpus.hasher())?;
    let (mut entry, functions) = transient(sample);
    let stored = if exclude_self { corpus.store().sample_by_sha256(&entry.sha256)? } else { None };
    if let Some(stored) = stored {
        entry.sample_id = stored.sample_id;
    }
    let own = Own { entry, functions, started };
    own_function(corpus, &own, arguments, &mut NeverCancelled).map_err(ServiceError::from)
}

fn own_function(
    corpus: &Corpus,
    own: &Own,
    arguments: &MatchArguments,
    control: &mut dyn Control,
) -> Result<Vec<u8>, JobError> {
    let reader = corpus.index().reader();
    let scored = match_query_function(&reader, own.sample(), arguments.parameters(), control)?;
    let name: String = own.entry.sha256.chars().take(8).collect();
    let offset = own.functions.first().map(|function| function.offset).unwrap_or_default();
    let parameters = format!("getMatchesForSmdaFunction({name}@{offset})");
    let asked = Asked::everything(MatcherKind::QueryFunction, parameters);
    matching::finish(corpus, own, scored, asked, control)
}

/// Two stored functions side by side; `None` if either is unknown.
pub fn compare_functions(
    corpus: &Corpus,
    a: FunctionId,
    b: FunctionId,
) -> Result<Option<FunctionPair>, StoreError> {
    let store = corpus.store();
    let found = [
        store.functions(&FunctionQuery::ByIds(vec![a]))?.pop(),
        store.functions(&FunctionQuery::ByIds(vec![b]))?.pop(),
    ];
    let [Some(a), Some(b)] = found else {
        return Ok(None);
    };
    let [Some(sample_a), Some(sample_b)] = [store.sample(a.sample_id)?, store.sample(b.sample_id)?] else {
        return Ok(None);
    };
    let disassembly = [corpus.disassembly(a.function_id)?, corpus.disassembly(b.function_id)?];
    let other = (b.family_id, b.sample_id, sample_b.is_library);
    let positions = corpus.hasher().config().signature_length;
    let matched = match_functions(&OwnFunction::from(&a), &OwnFunction::from(&b), other, positions);
    Ok(Some(FunctionPair { functions: [a, b], disassembly, samples: [sample_a, sample_b], matched }))
}

/// Several samples side by side, at once. A sample that is named twice counts once.
pub fn cross(
    corpus: &Corpus,
    samples: &[SampleId],
    arguments: &MatchArguments,
) -> Result<Vec<u8>, ServiceError> {
    let mut wanted: Vec<SampleId> = Vec::with_capacity(samples.len());
    for sample in samples {
        if !wanted.contains(sample) {
            wanted.push(*sample);
        }
    }
    let group_only = arguments.has_group_restriction();
    let arguments = arguments.clone().without_group_restriction();
    let mut results: Vec<(SampleId, Vec<MatchedSample>)> = Vec::with_capacity(wanted.len());
    for sample in &wanted {
        let result = if group_only {
            let others: Vec<SampleId> = wanted.iter().copied().filter(|other| other != sample).collect();
            matching::sample_vs_group(corpus, *sample, &others, &arguments, &mut NeverCancelled)?
        } else {
            matching::sample(corpus, *sample, &arguments, &mut NeverCancelled)?
        };
        results.push((*sample, compared(*sample, &result, &wanted)?));
    }
    Ok(side_by_side(&results)?)
}

/// Blocks that the samples have and no other sample has, at once.
pub fn unique_blocks(
    corpus: &Corpus,
    samples: &[SampleId],
    arguments: &BlockArguments,
) -> Result<UniqueBlocks, ServiceError> {
    Ok(unique_blocks::find(corpus, samples, arguments, &mut NeverCancelled)?)
}

/// Compiles rules and runs them over every kept executable, those of the samples named `first` first, at once.
///
/// # Errors
/// [`ServiceError::Unanswerable`] for rules that do not compile.
pub fn check_rules(corpus: &Corpus, source: &str, first: &[SampleId]) -> Result<RuleCheck, ServiceError> {
    Ok(check_rules::check(corpus, source, first, check_rules::TIME, &mut NeverCancelled)?)
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
