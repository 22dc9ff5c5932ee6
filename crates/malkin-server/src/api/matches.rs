//! `/matches`: comparisons of stored samples, answered by jobs.

use malkin_service::{MatchArguments, Request};
use serde_json::json;

use super::samples::known;
use super::shape::store_failed;
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::query::Query;

/// `GET /matches/sample/{id}`
pub(super) fn sample(app: &App, call: &Call) -> Result<Answer, Answer> {
    let sample = known(app, call.sample(0))?.sample_id;
    enqueue(app, call, &Request::MatchSample(sample, arguments(&call.query)))
}

/// `GET /matches/sample/{id}/{other}`
pub(super) fn sample_vs(app: &App, call: &Call) -> Result<Answer, Answer> {
    let sample = known(app, call.sample(0))?.sample_id;
    let other = known(app, call.sample(1))?.sample_id;
    enqueue(app, call, &Request::MatchSampleVs(sample, other, arguments(&call.query)))
}

fn enqueue(app: &App, call: &Call, request: &Request) -> Result<Answer, Answer> {
    let id = app.engine.enqueue(request, is_forced(&call.query)).map_err(store_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}

/// `force_recalculation=true`: a new job even if an equal one exists.
pub(super) fn is_forced(query: &Query) -> bool {
    query.is_true("force_recalculation")
}

/// Matching parameters in the order of the query string; unparsable ones are dropped, the others clamped.
pub(super) fn arguments(query: &Query) -> MatchArguments {
    let mut arguments = MatchArguments::none();
    for name in query.names() {
        match name {
            "minhash_score" => {
                if let Some(score) = query.int(name) {
                    arguments.minhash_threshold(score.clamp(0, 100) as u8);
                }
            }
            "pichash_size" => {
                if let Some(size) = query.int(name) {
                    arguments.pichash_size(u64::try_from(size).unwrap_or(0));
                }
            }
            "band_matches_required" => {
                if let Some(bands) = query.int(name) {
                    arguments.band_matches_required(u64::try_from(bands).unwrap_or(0));
                }
            }
            "sample_group_only" if query.is_true(name) => arguments.sample_group_only(true),
            "exact" if query.is_true(name) => arguments.exact(),
            _ => {}
        }
    }
    arguments
}
