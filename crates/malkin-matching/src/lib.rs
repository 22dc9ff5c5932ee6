//! Where has this code been seen: from the functions of one sample and an index to a `MatchingResult`.
//!
//! One pipeline serves every matcher: PicHash groups and candidates from the index, a score for each distinct signature, the
//! best function of every foreign sample, then sums and shares. Rules, order of summation and quirks are those of MCRIT 1.9.0
//! (`docs/reference/similarity.md` sections 8 and 9); how the pairs are found is ours.
//!
//! What people read out of results is here, too: filters, attribution, and the blocks unique to a set of samples with the
//! YARA rule made of them. Unique scores, link hunting and coloured graphs are complete and tested against the reference,
//! but no route answers them yet; `examples/read_results.rs` shows them at work.
//!
//! Two phases: scoring names the foreign samples it met ([`Hits::samples`]), the caller fetches their records, and
//! [`Hits::into_result`] finishes. Pure: no files, clock or threads. A caller with several cores runs parts of a [`QueryPlan`] on
//! each; others call one of the `match_` functions (`matcher`).

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod aggregate;
mod attribution;
mod banding;
mod cluster;
mod cross;
mod filter;
mod flat_matches;
mod function_match;
mod hits;
mod link_hunt;
mod matcher;
mod nearest;
mod node_colors;
mod parameters;
mod picgroup;
mod plan;
mod progress;
mod query_side;
mod table;
mod unique_blocks;
mod unique_score;

pub use aggregate::Answer;
pub use attribution::{Attribution, FamilyEvidence, attribute};
pub use cluster::leaf_order;
pub use cross::{CrossError, cross};
pub use filter::{FilteredResult, ResultFilter, best_of_families};
pub use flat_matches::{FlatMatch, flatten};
pub use function_match::match_functions;
pub use hits::{Hits, PartialHits};
pub use link_hunt::{CallGraph, Link, LinkCluster, LinkHuntOptions, link_clusters, link_hunt};
pub use matcher::{match_all, match_query_function, match_vs, plan_vs};
pub use node_colors::{ColorError, Graph, NodeColor, node_colors, node_name};
pub use parameters::MatchParameters;
pub use plan::{QueryPlan, Workspace};
pub use progress::{Control, MatchError, NeverCancelled, Progress};
pub use query_side::{OwnFunction, OwnSample};
pub use table::{FamilyRow, OwnRow, Pair, PairOrder, ResultTable};
pub use unique_blocks::{
    FunctionBlocks, RuleOptions, UniqueBlocksOptions, YaraRule, describe_block, unique_blocks, yara_rule,
};
pub use unique_score::{UniqueScore, unique_scores};
