//! The REST API of MCRIT 1.9.0: every route on one screen, handlers by noun below.
//!
//! Not here: what the routes mean for the corpus (that is `malkin-service`), and how paths are read (`route`).

mod binaries;
mod changes;
mod exchange;
mod families;
mod functions;
mod hashes;
mod instance;
mod jobs;
mod listing;
mod maintenance;
mod matches;
mod numbers;
mod query;
mod results;
mod samples;
mod search;
mod shape;
mod tokens;
mod uniqueblocks;

pub(crate) use changes::{family_changes, sample_changes};
pub(crate) use exchange::export_file;
pub(crate) use results::filter as result_filter;

use crate::app::Handler;
use crate::route::Part::{Int, Is, Rest, Text};
use crate::route::Route;

/// All routes; literal segments stand before variable ones.
pub(crate) const ROUTES: &[Route<Handler>] = &[
    Route { pattern: &[], verbs: &[("GET", instance::welcome)] },
    Route { pattern: &[Is("version")], verbs: &[("GET", instance::version)] },
    Route { pattern: &[Is("status")], verbs: &[("GET", instance::status)] },
    Route { pattern: &[Is("openapi.json")], verbs: &[("GET", crate::describe::openapi)] },
    Route { pattern: &[Is("docs")], verbs: &[("GET", crate::describe::page)] },
    Route { pattern: &[Is("readyz")], verbs: &[("GET", crate::control::readyz)] },
    Route { pattern: &[Is("metrics")], verbs: &[("GET", crate::metrics::metrics)] },
    Route { pattern: &[Is("respawn")], verbs: &[("POST", instance::respawn)] },
    Route { pattern: &[Is("config")], verbs: &[("GET", instance::config)] },
    Route { pattern: &[Is("complete_minhashes")], verbs: &[("GET", maintenance::complete_minhashes)] },
    Route { pattern: &[Is("rebuild_index")], verbs: &[("GET", maintenance::rebuild_index)] },
    Route {
        pattern: &[Is("rebuild_picblockhash_index")],
        verbs: &[("GET", maintenance::rebuild_block_index)],
    },
    Route {
        pattern: &[Is("recompute_family_stats")],
        verbs: &[("POST", maintenance::recompute_family_stats)],
    },
    Route { pattern: &[Is("recalculate_pichashes")], verbs: &[("GET", maintenance::recalculate_pichashes)] },
    Route { pattern: &[Is("recalculate_minhashes")], verbs: &[("GET", maintenance::recalculate_minhashes)] },
    Route { pattern: &[Is("repair_minhashes")], verbs: &[("POST", maintenance::repair_minhashes)] },
    Route { pattern: &[Is("families")], verbs: &[("GET", families::list)] },
    Route { pattern: &[Is("families"), Is("ids")], verbs: &[("POST", families::by_ids)] },
    Route {
        pattern: &[Is("families"), Int],
        verbs: &[("DELETE", families::delete), ("GET", families::one), ("PUT", families::modify)],
    },
    Route { pattern: &[Is("samples")], verbs: &[("GET", samples::list), ("POST", samples::submit)] },
    Route { pattern: &[Is("samples"), Is("binary")], verbs: &[("POST", binaries::submit)] },
    Route { pattern: &[Is("samples"), Is("ids")], verbs: &[("POST", samples::by_ids)] },
    Route { pattern: &[Is("samples"), Is("sha256"), Text], verbs: &[("GET", samples::by_sha256)] },
    Route {
        pattern: &[Is("samples"), Int],
        verbs: &[("DELETE", samples::delete), ("GET", samples::one), ("PUT", samples::modify)],
    },
    Route { pattern: &[Is("samples"), Int, Is("functions")], verbs: &[("GET", samples::functions)] },
    Route { pattern: &[Is("samples"), Int, Is("functions"), Int], verbs: &[("GET", samples::function)] },
    Route { pattern: &[Is("functions")], verbs: &[("GET", functions::list), ("POST", functions::by_ids)] },
    Route { pattern: &[Is("functions"), Int], verbs: &[("GET", functions::one)] },
    Route { pattern: &[Is("matches"), Is("sample"), Int], verbs: &[("GET", matches::sample)] },
    Route { pattern: &[Is("matches"), Is("sample"), Int, Int], verbs: &[("GET", matches::sample_vs)] },
    Route { pattern: &[Is("matches"), Is("sample"), Is("cross"), Text], verbs: &[("GET", matches::cross)] },
    Route { pattern: &[Is("matches"), Is("function"), Int], verbs: &[("GET", matches::function)] },
    Route { pattern: &[Is("matches"), Is("function"), Int, Int], verbs: &[("GET", matches::function_vs)] },
    Route { pattern: &[Is("uniqueblocks"), Is("samples"), Text], verbs: &[("GET", uniqueblocks::samples)] },
    Route { pattern: &[Is("uniqueblocks"), Is("family"), Int], verbs: &[("GET", uniqueblocks::family)] },
    Route { pattern: &[Is("uniqueblocks"), Is("check")], verbs: &[("POST", uniqueblocks::check)] },
    Route { pattern: &[Is("query")], verbs: &[("POST", query::report)] },
    Route { pattern: &[Is("query"), Is("binary")], verbs: &[("POST", binaries::query)] },
    Route {
        pattern: &[Is("query"), Is("binary"), Is("mapped"), Text],
        verbs: &[("POST", binaries::query_mapped)],
    },
    Route { pattern: &[Is("query"), Is("function")], verbs: &[("POST", query::function)] },
    Route { pattern: &[Is("query"), Is("pichash"), Text], verbs: &[("GET", hashes::pichash)] },
    Route {
        pattern: &[Is("query"), Is("pichash"), Text, Is("summary")],
        verbs: &[("GET", hashes::pichash_summary)],
    },
    Route { pattern: &[Is("query"), Is("picblockhash"), Text], verbs: &[("GET", hashes::block)] },
    Route {
        pattern: &[Is("query"), Is("picblockhash"), Text, Is("summary")],
        verbs: &[("GET", hashes::block_summary)],
    },
    Route { pattern: &[Is("export")], verbs: &[("GET", exchange::export_all)] },
    Route { pattern: &[Is("export"), Text], verbs: &[("GET", exchange::export_some)] },
    Route { pattern: &[Is("import")], verbs: &[("POST", exchange::import)] },
    Route { pattern: &[Is("jobs")], verbs: &[("DELETE", jobs::delete_all), ("GET", jobs::list)] },
    Route { pattern: &[Is("jobs"), Is("stats")], verbs: &[("GET", jobs::stats)] },
    Route { pattern: &[Is("jobs"), Text], verbs: &[("DELETE", jobs::delete), ("GET", jobs::one)] },
    Route { pattern: &[Is("jobs"), Text, Is("result")], verbs: &[("GET", jobs::result)] },
    Route { pattern: &[Is("jobs"), Text, Is("events")], verbs: &[("GET", jobs::events)] },
    Route { pattern: &[Is("jobs"), Text, Is("attribution")], verbs: &[("GET", jobs::attribution)] },
    Route { pattern: &[Is("results"), Text], verbs: &[("GET", results::one)] },
    Route { pattern: &[Is("results"), Text, Is("job")], verbs: &[("GET", results::job)] },
    Route { pattern: &[Is("search"), Is("families")], verbs: &[("GET", search::families)] },
    Route { pattern: &[Is("search"), Is("samples")], verbs: &[("GET", search::samples)] },
    Route { pattern: &[Is("search"), Is("functions")], verbs: &[("GET", search::functions)] },
    Route { pattern: &[Is("tokens")], verbs: &[("GET", tokens::list), ("POST", tokens::add)] },
    Route { pattern: &[Is("tokens"), Rest], verbs: &[("DELETE", tokens::revoke)] },
];

/// Whether a path is one of MCRIT's.
pub(crate) fn knows(path: &str) -> bool {
    !matches!(crate::route::find(ROUTES, &axum::http::Method::GET, path), crate::route::Target::Nothing)
}
