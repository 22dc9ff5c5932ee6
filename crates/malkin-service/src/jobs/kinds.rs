//! Every kind of job: one file each, and its line in the list.
//!
//! To add a kind, write its file (name, parameters, lane, `run`), and name it in the three places here.

mod add_binary;
mod changes;
pub(crate) mod check_rules;
pub(crate) mod combine_cross;
mod complete_minhashes;
mod corpus_statistics;
mod count_signatures;
mod delete_family;
mod delete_sample;
mod match_function;
mod match_sample;
mod match_sample_vs;
mod match_sample_vs_group;
mod modify_family;
mod modify_sample;
mod query_binary;
mod query_mapped;
mod query_report;
mod rebuild_block_index;
mod rebuild_index;
mod recalculate_minhashes;
mod recalculate_pichashes;
mod recompute_family_stats;
mod repair_minhashes;
pub(crate) mod unique_blocks;

use malkin_store::Job;

use super::kind::{Kind, Parameters};
use super::running::JobControl;
use crate::corpus::Corpus;
use crate::error::JobError;

pub use add_binary::{AddBinary, BinaryArguments};
pub use changes::Changes;
pub use check_rules::{CheckRules, CheckedFile, RuleCheck, UntriedFile, fault_of_rules, rules_to_body};
pub use combine_cross::CombineToCross;
pub use complete_minhashes::CompleteMinHashes;
pub use corpus_statistics::CorpusStatistics;
pub use count_signatures::UpdateMinHashesForSample;
pub use delete_family::DeleteFamily;
pub use delete_sample::DeleteSample;
pub use match_function::MatchFunction;
pub use match_sample::MatchSample;
pub use match_sample_vs::MatchSampleVs;
pub use match_sample_vs_group::MatchSampleVsGroup;
pub use modify_family::ModifyFamily;
pub use modify_sample::ModifySample;
pub use query_binary::QueryBinary;
pub use query_mapped::QueryMapped;
pub use query_report::QueryReport;
pub use rebuild_block_index::RebuildBlockIndex;
pub use rebuild_index::RebuildIndex;
pub use recalculate_minhashes::RecalculateMinHashes;
pub use recalculate_pichashes::RecalculatePicHashes;
pub use recompute_family_stats::RecomputeFamilyStats;
pub use repair_minhashes::RepairMinHashes;
pub use unique_blocks::{BlockArguments, UniqueBlocks};

/// Runs a stored job; `None` if its parameters are not of this kind.
type Run = fn(&Parameters, &Corpus, &JobControl<'_>) -> Option<Outcome>;
type Outcome = Result<Vec<u8>, JobError>;

/// What the queue has to know of a kind.
struct Entry {
    method: &'static str,
    has_compact_form: bool,
    run: Run,
}

const fn entry<K: Kind>() -> Entry {
    Entry { method: K::METHOD, has_compact_form: K::HAS_COMPACT_FORM, run: run_kind::<K> }
}

/// All kinds.
const KINDS: &[Entry] = &[
    entry::<AddBinary>(),
    entry::<CheckRules>(),
    entry::<CombineToCross>(),
    entry::<CompleteMinHashes>(),
    entry::<CorpusStatistics>(),
    entry::<DeleteFamily>(),
    entry::<DeleteSample>(),
    entry::<MatchFunction>(),
    entry::<MatchSample>(),
    entry::<MatchSampleVs>(),
    entry::<MatchSampleVsGroup>(),
    entry::<ModifyFamily>(),
    entry::<ModifySample>(),
    entry::<QueryBinary>(),
    entry::<QueryMapped>(),
    entry::<QueryReport>(),
    entry::<RebuildBlockIndex>(),
    entry::<RebuildIndex>(),
    entry::<RecalculateMinHashes>(),
    entry::<RecalculatePicHashes>(),
    entry::<RecomputeFamilyStats>(),
    entry::<RepairMinHashes>(),
    entry::<UniqueBlocks>(),
    entry::<UpdateMinHashesForSample>(),
];

fn run_kind<K: Kind>(parameters: &Parameters, corpus: &Corpus, job: &JobControl<'_>) -> Option<Outcome> {
    let request = K::read(parameters)?;
    let begun = if K::REPORTS_START { job.progress(0.0) } else { Ok(()) };
    Some(begun.map_err(JobError::from).and_then(|()| request.run(corpus, job)))
}

/// Runs a stored job and returns its result. A job of an unknown kind, or with parameters that this program does not
/// understand, fails for good.
pub(super) fn run(job: &Job, corpus: &Corpus, control: &JobControl<'_>) -> Outcome {
    let kind = KINDS.iter().find(|kind| kind.method == job.method);
    let outcome = kind
        .zip(Parameters::from_text(&job.params))
        .and_then(|(kind, parameters)| (kind.run)(&parameters, corpus, control));
    outcome.unwrap_or_else(|| {
        Err(JobError::failed(format!("cannot run {} with parameters {}", job.method, job.params)))
    })
}

/// Whether results of jobs with this name lose `matches.functions` in their compact form.
pub fn has_compact_form(method: &str) -> bool {
    KINDS.iter().any(|kind| kind.method == method && kind.has_compact_form)
}

#[cfg(test)]
mod tests;
