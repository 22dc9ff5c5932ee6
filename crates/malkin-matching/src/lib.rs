//! Where has this code been seen: from the functions of one sample and an index to a `MatchingResult`.
//!
//! One pipeline serves every matcher: PicHash groups and candidates from the index, a score for each distinct signature, the
//! best function of every foreign sample, then sums and shares. Rules, order of summation and quirks are those of MCRIT 1.9.0
//! (`docs/reference/similarity.md` sections 8 and 9 in the shared specification); how the pairs are found is ours.
//!
//! What people read out of results is here, too: filters, unique scores, link hunting, attribution, coloured graphs, and the
//! blocks unique to a set of samples with the YARA rule made of them.
//!
//! Two phases: scoring names the foreign samples it met ([`Scored::samples`]), the caller fetches their records, and
//! [`Scored::into_result`] finishes. Pure: no files, clock or threads. A caller with several cores runs parts of a [`Scan`] on
//! each; everybody else calls one of the `match_` functions.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod aggregate;
mod attribution;
mod banding;
mod cluster;
mod control;
mod cross;
mod filter;
mod flat;
mod function_match;
mod link_hunt;
mod matcher;
mod near;
mod node_colors;
mod own;
mod parameters;
mod picgroup;
mod scan;
mod scored;
mod unique_blocks;
mod unique_score;

pub use aggregate::Answer;
pub use attribution::{Attribution, FamilyEvidence, attribute};
pub use cluster::leaf_order;
pub use control::{Control, MatchError, Progress, Unlimited};
pub use cross::{CrossError, cross};
pub use filter::{FilteredResult, ResultFilter, best_of_families};
pub use flat::{FlatMatch, flatten};
pub use function_match::match_functions;
pub use link_hunt::{CallGraph, Link, LinkCluster, LinkHuntOptions, link_clusters, link_hunt};
pub use matcher::{match_query, match_query_function, match_sample, match_vs, scan_vs};
pub use node_colors::{ColorError, Graph, NodeColor, node_colors, node_name};
pub use own::{OwnFunction, OwnSample};
pub use parameters::MatchParameters;
pub use scan::{Part, Scan, Workspace};
pub use scored::Scored;
pub use unique_blocks::{
    FunctionBlocks, RuleOptions, UniqueBlocksOptions, YaraRule, describe_block, unique_blocks, yara_rule,
};
pub use unique_score::{UniqueScore, unique_scores};
