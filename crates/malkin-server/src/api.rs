//! The REST API of MCRIT 1.9.0 and what belongs beside it: operations by noun, each row beside its handler.
//!
//! Not here: what the operations mean for the corpus (that is `malkin-service`), and how paths are read (`path`).

pub(crate) mod binaries;
mod changes;
pub(crate) mod exchange;
pub(crate) mod families;
pub(crate) mod functions;
pub(crate) mod hashes;
pub(crate) mod instance;
pub(crate) mod jobs;
mod listing;
pub(crate) mod maintenance;
pub(crate) mod matches;
mod numbers;
pub(crate) mod query;
pub(crate) mod results;
pub(crate) mod samples;
pub(crate) mod search;
mod shape;
pub(crate) mod tokens;
pub(crate) mod uniqueblocks;

pub(crate) use changes::{family_changes, sample_changes};
pub(crate) use exchange::export_file;
pub(crate) use results::filter as result_filter;
