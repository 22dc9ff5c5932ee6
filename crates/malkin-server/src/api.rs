//! The REST API of MCRIT 1.9.0: every route on one screen, handlers by noun below.
//!
//! Not here: what the routes mean for the corpus (that is `malkin-service`), and how paths are read (`route`).

mod families;
mod functions;
mod instance;
mod jobs;
mod matches;
mod query;
mod results;
mod samples;
mod shape;

use crate::app::Handler;
use crate::route::Part::{Int, Is, Text};
use crate::route::Route;

/// All routes; literal segments stand before variable ones.
pub(crate) const ROUTES: &[Route<Handler>] = &[
    Route { pattern: &[], verbs: &[("GET", instance::welcome)] },
    Route { pattern: &[Is("version")], verbs: &[("GET", instance::version)] },
    Route { pattern: &[Is("status")], verbs: &[("GET", instance::status)] },
    Route { pattern: &[Is("healthz")], verbs: &[("GET", instance::healthz)] },
    Route { pattern: &[Is("respawn")], verbs: &[("POST", instance::respawn)] },
    Route { pattern: &[Is("rebuild_index")], verbs: &[("GET", instance::rebuild_index)] },
    Route { pattern: &[Is("families")], verbs: &[("GET", families::list)] },
    Route { pattern: &[Is("families"), Int], verbs: &[("GET", families::one)] },
    Route { pattern: &[Is("samples")], verbs: &[("GET", samples::list), ("POST", samples::submit)] },
    Route { pattern: &[Is("samples"), Is("sha256"), Text], verbs: &[("GET", samples::by_sha256)] },
    Route { pattern: &[Is("samples"), Int], verbs: &[("GET", samples::one)] },
    Route { pattern: &[Is("samples"), Int, Is("functions")], verbs: &[("GET", samples::functions)] },
    Route { pattern: &[Is("samples"), Int, Is("functions"), Int], verbs: &[("GET", samples::function)] },
    Route { pattern: &[Is("functions")], verbs: &[("GET", functions::list), ("POST", functions::by_ids)] },
    Route { pattern: &[Is("functions"), Int], verbs: &[("GET", functions::one)] },
    Route { pattern: &[Is("matches"), Is("sample"), Int], verbs: &[("GET", matches::sample)] },
    Route { pattern: &[Is("matches"), Is("sample"), Int, Int], verbs: &[("GET", matches::sample_vs)] },
    Route { pattern: &[Is("query")], verbs: &[("POST", query::report)] },
    Route { pattern: &[Is("jobs")], verbs: &[("DELETE", jobs::delete_all), ("GET", jobs::list)] },
    Route { pattern: &[Is("jobs"), Is("stats")], verbs: &[("GET", jobs::stats)] },
    Route { pattern: &[Is("jobs"), Text], verbs: &[("DELETE", jobs::delete), ("GET", jobs::one)] },
    Route { pattern: &[Is("jobs"), Text, Is("result")], verbs: &[("GET", jobs::result)] },
    Route { pattern: &[Is("results"), Text], verbs: &[("GET", results::one)] },
    Route { pattern: &[Is("results"), Text, Is("job")], verbs: &[("GET", results::job)] },
];
