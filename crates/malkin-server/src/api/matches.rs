//! `/matches`: comparisons of stored samples, answered by jobs, and of two functions, answered at once.

use malkin_report::SampleId;
use malkin_service::Role;
use malkin_service::jobs::{Kind, kinds};
use malkin_service::questions;
use malkin_service::{FunctionPair, MatchArguments};
use serde_json::json;

use super::numbers;
use super::samples::known;
use super::shape::{function_json_with, store_failed, unknown};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::Parameter;
use crate::query::Query;

const MINHASH_SCORE: Parameter = Parameter::integer("minhash_score");
const PICHASH_SIZE: Parameter = Parameter::integer("pichash_size");
/// Bands that two signatures have to share.
pub(super) const BANDS: Parameter = Parameter::integer("band_matches_required");
const FORCE: Parameter = Parameter::flag("force_recalculation");
/// Compare with every distinct signature.
pub(super) const EXACT: Parameter = Parameter::flag("exact");
const TIME_LIMIT: Parameter = Parameter::count("time_limit").note("seconds the comparison may take");
/// Parameters of a comparison with all samples, as [`arguments`] reads them.
pub(super) const MATCHING: &[Parameter] =
    &[MINHASH_SCORE, PICHASH_SIZE, BANDS, FORCE, EXACT, TIME_LIMIT, Parameter::flag("partial")];

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/matches/sample/{sample_id:int}", Role::Reader, sample, "A job: one sample against all")
        .query(MATCHING)
        .effects(),
    Operation::get(
        "/matches/sample/{sample_id:int}/{other_id:int}",
        Role::Reader,
        sample_vs,
        "A job: one sample against another",
    )
    .query(MATCHING)
    .effects(),
    Operation::get(
        "/matches/sample/cross/{ids}",
        Role::Reader,
        cross,
        "A job: several samples against each other",
    )
    .query(&[
        MINHASH_SCORE,
        PICHASH_SIZE,
        BANDS,
        FORCE,
        Parameter::flag("sample_group_only"),
        EXACT,
        TIME_LIMIT,
    ])
    .effects(),
    Operation::get(
        "/matches/function/{function_id:int}",
        Role::Reader,
        function,
        "A job: one function against all",
    )
    .query(MATCHING)
    .effects()
    .ours(),
    Operation::get(
        "/matches/function/{function_id:int}/{other_id:int}",
        Role::Reader,
        function_vs,
        "Two functions side by side, at once",
    )
    .effects(),
];

/// `GET /matches/sample/{id}`
pub(super) fn sample(app: &App, call: &Call) -> Result<Answer, Answer> {
    let sample = known(app, call.sample(0))?.sample_id;
    enqueue(app, call, &kinds::MatchSample(sample, arguments(&call.query)))
}

/// `GET /matches/sample/{id}/{other}`
pub(super) fn sample_vs(app: &App, call: &Call) -> Result<Answer, Answer> {
    let sample = known(app, call.sample(0))?.sample_id;
    let other = known(app, call.sample(1))?.sample_id;
    enqueue(app, call, &kinds::MatchSampleVs(sample, other, arguments(&call.query)))
}

/// Most samples of a cross comparison: each is compared with all others.
const CROSS_LIMIT: usize = 1000;

/// `GET /matches/sample/cross/{ids}`: whether the samples exist is left to the jobs, as in the reference.
pub(super) fn cross(app: &App, call: &Call) -> Result<Answer, Answer> {
    let Some(ids) = numbers::int_list(call.text(0)) else {
        return Err(Answer::bad_request("Sample ids have to be integers, separated by commas."));
    };
    if ids.len() > CROSS_LIMIT {
        return Err(Answer::bad_request(&format!(
            "At most {CROSS_LIMIT} samples can be compared crosswise."
        )));
    }
    let samples: Vec<SampleId> = ids.into_iter().map(SampleId::new).collect();
    let id = app
        .service
        .jobs
        .enqueue_cross(&samples, &arguments(&call.query), is_forced(&call.query))
        .map_err(store_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}

/// `GET /matches/function/{id}`
pub(super) fn function(app: &App, call: &Call) -> Result<Answer, Answer> {
    let function = super::functions::known(app, call.function(0))?.function_id;
    enqueue(app, call, &kinds::MatchFunction(function, arguments(&call.query)))
}

/// `GET /matches/function/{id}/{other}`: at once.
pub(super) fn function_vs(app: &App, call: &Call) -> Result<Answer, Answer> {
    let pair = questions::compare_functions(&app.service.corpus, call.function(0), call.function(1))
        .map_err(store_failed)?;
    // The reference speaks of a sample here.
    let FunctionPair { functions, disassembly, samples, matched } = pair.ok_or_else(|| unknown("sample"))?;
    let mut data = Vec::new();
    for (name, (function, xcfg)) in ["a", "b"].into_iter().zip(functions.iter().zip(&disassembly)) {
        data.extend_from_slice(if data.is_empty() { b"{" } else { b"," });
        data.extend_from_slice(format!("\"function_entry_{name}\":").as_bytes());
        data.extend_from_slice(&function_json_with(function, xcfg.as_deref()));
    }
    for (name, sample) in ["a", "b"].into_iter().zip(&samples) {
        let sample = malkin_wire::sample_entry_to_json(sample);
        data.extend_from_slice(format!(",\"sample_entry_{name}\":{sample}").as_bytes());
    }
    data.extend_from_slice(b",\"match_entry\":");
    data.extend_from_slice(&malkin_wire::function_match_to_json(&matched));
    data.push(b'}');
    Ok(Answer::raw_data(&data))
}

fn enqueue(app: &App, call: &Call, request: &impl Kind) -> Result<Answer, Answer> {
    let id = app.service.jobs.enqueue(request, is_forced(&call.query)).map_err(store_failed)?;
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
            "partial" if query.is_true(name) => arguments.partial(),
            "time_limit" => {
                if let Some(seconds) = query.int(name) {
                    arguments.time_limit(u64::try_from(seconds).unwrap_or(0));
                }
            }
            _ => {}
        }
    }
    arguments
}
