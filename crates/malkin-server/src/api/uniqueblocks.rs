//! `/uniqueblocks`: blocks that a set of samples has and no other sample, answered by jobs.

use malkin_report::SampleId;
use malkin_service::Role;
use malkin_service::jobs::kinds;
use malkin_service::{BlockArguments, rules_to_body};
use serde_json::json;

use super::numbers;
use super::shape::{store_failed, unknown};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::{Parameter, RequestBody};
use crate::query::Query;

/// Longest text of rules to check, in bytes.
const MAX_RULES: usize = 4 << 20;
/// Most samples that are to be tried first.
const MAX_FIRST: usize = 10_000;

const BLOCKS: &[Parameter] = &[Parameter::integer("min_instructions"), Parameter::integer("covers_required")];

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get(
        "/uniqueblocks/samples/{ids}",
        Role::Reader,
        samples,
        "A job: code blocks unique to some samples, and a YARA rule for them",
    )
    .query(BLOCKS)
    .effects(),
    Operation::get(
        "/uniqueblocks/family/{family_id:int}",
        Role::Reader,
        family,
        "A job: code blocks unique to a family, and a YARA rule for them",
    )
    .query(BLOCKS)
    .effects(),
    Operation::post(
        "/uniqueblocks/check",
        Role::Reader,
        check,
        "A job: which stored executables YARA rules hit, those of the listed samples first",
    )
    .query(&[Parameter::text("samples")])
    .body(RequestBody::Text)
    .ours(),
];

/// `GET /uniqueblocks/samples/{ids}`: whether the samples exist is left to the job. What is no list of numbers answers an
/// empty object, as in the reference.
pub(super) fn samples(app: &App, call: &Call) -> Result<Answer, Answer> {
    let Some(ids) = numbers::decimal_list(call.text(0)) else {
        return Ok(Answer::data(&json!({})));
    };
    let samples = ids.into_iter().map(SampleId::new).collect();
    enqueue(app, samples, with_options(BlockArguments::none(), &call.query))
}

/// `GET /uniqueblocks/family/{id}`
pub(super) fn family(app: &App, call: &Call) -> Result<Answer, Answer> {
    let store = app.service.corpus.store();
    let family = store.family(call.family(0)).map_err(store_failed)?.ok_or_else(|| unknown("family"))?;
    let samples = store.samples_of_family(family.family_id).map_err(store_failed)?;
    let mut arguments = BlockArguments::none();
    arguments.family(family.family_id);
    let samples = samples.into_iter().map(|sample| sample.sample_id).collect();
    enqueue(app, samples, with_options(arguments, &call.query))
}

/// `POST /uniqueblocks/check` with the text of YARA rules, ours: a job that reports which of the kept executables each of them
/// hits, those of `samples=1,2,3` first. Always a new one: there may be more executables than the last time. Rules that do not
/// compile are refused at once.
pub(super) fn check(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    let source = std::str::from_utf8(&call.body).map_err(|_| Answer::bad_request("Rules are UTF-8 text."))?;
    if source.len() > MAX_RULES {
        return Err(Answer::too_large(MAX_RULES));
    }
    let first = match call.query.last("samples") {
        None => Vec::new(),
        Some(list) => numbers::decimal_list(list)
            .filter(|ids| ids.len() <= MAX_FIRST)
            .ok_or_else(|| Answer::bad_request("samples is a list of at most 10000 numbers: 1,2,3"))?,
    };
    if let Some(fault) = kinds::fault_of_rules(source) {
        return Err(Answer::bad_request(&fault));
    }
    let first: Vec<SampleId> = first.into_iter().map(SampleId::new).collect();
    let id = app
        .service
        .jobs
        .enqueue_file(&rules_to_body(source), &kinds::CheckRules(first), true)
        .map_err(store_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}

fn enqueue(app: &App, samples: Vec<SampleId>, arguments: BlockArguments) -> Result<Answer, Answer> {
    let request = kinds::UniqueBlocks(samples, arguments);
    let id = app.service.jobs.enqueue(&request, false).map_err(store_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}

/// Parameters in the order of the query string; unparsable ones are dropped, the others clamped.
fn with_options(mut arguments: BlockArguments, query: &Query) -> BlockArguments {
    for name in query.names() {
        match (name, query.int(name)) {
            ("covers_required", Some(covers)) => {
                arguments.covers_required(u64::try_from(covers).unwrap_or(0).max(1));
            }
            ("min_instructions", Some(instructions)) => {
                arguments.min_instructions(u64::try_from(instructions).unwrap_or(0));
            }
            _ => {}
        }
    }
    arguments
}
