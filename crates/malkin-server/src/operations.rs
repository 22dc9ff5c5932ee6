//! The files in which operations are found, and the router that is made of them.
//!
//! A row stands beside its handler, so a new operation is a row and a handler in one file; only a new file is named here. Not here:
//! what a row states (`operation`), and who reads it (`router`, `describe`).

#[cfg(test)]
mod tests;

use crate::api::{
    binaries, exchange, families, functions, hashes, instance, jobs, maintenance, matches, query, results,
    samples, search, tokens, uniqueblocks,
};
use crate::app::Handler;
use crate::operation::Area;
use crate::router::Router;
use crate::triage::{analyses, lookup, upload};
use crate::{control, describe, metrics};

/// All areas, in the order in which they are described.
const AREAS: &[Area<Handler>] = &[
    Area { group: "server", operations: instance::OPERATIONS },
    Area { group: "server", operations: control::OPERATIONS },
    Area { group: "server", operations: metrics::OPERATIONS },
    Area { group: "server", operations: describe::OPERATIONS },
    Area { group: "server", operations: maintenance::OPERATIONS },
    Area { group: "server", operations: exchange::OPERATIONS },
    Area { group: "server", operations: tokens::OPERATIONS },
    Area { group: "families", operations: families::OPERATIONS },
    Area { group: "samples", operations: samples::OPERATIONS },
    Area { group: "samples", operations: binaries::SUBMISSION },
    Area { group: "functions", operations: functions::OPERATIONS },
    Area { group: "matches", operations: matches::OPERATIONS },
    Area { group: "uniqueblocks", operations: uniqueblocks::OPERATIONS },
    Area { group: "query", operations: query::OPERATIONS },
    Area { group: "query", operations: binaries::OPERATIONS },
    Area { group: "query", operations: hashes::OPERATIONS },
    Area { group: "jobs", operations: jobs::OPERATIONS },
    Area { group: "results", operations: results::OPERATIONS },
    Area { group: "search", operations: search::OPERATIONS },
    Area { group: "analyses", operations: upload::OPERATIONS },
    Area { group: "analyses", operations: lookup::OPERATIONS },
    Area { group: "analyses", operations: analyses::OPERATIONS },
];

/// The router of the server.
pub(crate) fn router() -> Router<Handler> {
    Router::new(AREAS)
}
