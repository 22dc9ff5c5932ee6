//! `/query/pichash` and `/query/picblockhash`: where a hash occurs, from the index.

use std::collections::HashSet;
use std::sync::Arc;

use malkin_report::{BlockHash, PicHash, Va};
use malkin_service::FunctionPlace;
use malkin_service::Role;
use malkin_service::questions;
use serde_json::{Value, json};

use super::listing::Rows;
use super::numbers::{self, HashText};
use super::shape::store_failed;
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/query/pichash/{hash}", Role::Reader, pichash, "Functions with a PicHash"),
    Operation::get(
        "/query/pichash/{hash}/summary",
        Role::Reader,
        pichash_summary,
        "Number of families, samples and functions with a PicHash",
    ),
    Operation::get("/query/picblockhash/{hash}", Role::Reader, block, "Blocks with a hash"),
    Operation::get(
        "/query/picblockhash/{hash}/summary",
        Role::Reader,
        block_summary,
        "Number of families, samples, functions and offsets with a block hash",
    ),
];

/// `GET /query/pichash/{hash}`: `[family, sample, function]` for each function.
pub(super) fn pichash(app: &App, call: &Call) -> Result<Answer, Answer> {
    let Some(hash) = hash(call)? else { return Ok(Answer::data(&json!([]))) };
    let corpus = Arc::clone(&app.service.corpus);
    Ok(Answer::pieces(
        b"[",
        Rows::new(
            move || Ok(questions::with_pichash(&corpus, PicHash::new(hash))),
            |place: &FunctionPlace| json!([place.family.get(), place.sample.get(), place.function.get()]),
        ),
        b"]",
    ))
}

/// `GET /query/pichash/{hash}/summary`
pub(super) fn pichash_summary(app: &App, call: &Call) -> Result<Answer, Answer> {
    Ok(Answer::data(&summary(functions(app, call)?.iter())))
}

/// `GET /query/picblockhash/{hash}`: `[family, sample, function, offset]` for each block.
pub(super) fn block(app: &App, call: &Call) -> Result<Answer, Answer> {
    let Some(hash) = hash(call)? else { return Ok(Answer::data(&json!([]))) };
    let corpus = Arc::clone(&app.service.corpus);
    Ok(Answer::pieces(
        b"[",
        Rows::new(
            move || questions::with_block(&corpus, BlockHash::new(hash)).map_err(store_failed),
            |(place, offset): &(FunctionPlace, Va)| {
                json!([place.family.get(), place.sample.get(), place.function.get(), offset.to_signed()])
            },
        ),
        b"]",
    ))
}

/// `GET /query/picblockhash/{hash}/summary`
pub(super) fn block_summary(app: &App, call: &Call) -> Result<Answer, Answer> {
    let places = blocks(app, call)?;
    let mut summary = summary(places.iter().map(|(place, _)| place));
    summary["offsets"] = json!(places.len());
    Ok(Answer::data(&summary))
}

fn functions(app: &App, call: &Call) -> Result<Vec<FunctionPlace>, Answer> {
    Ok(hash(call)?
        .map(|hash| questions::with_pichash(&app.service.corpus, PicHash::new(hash)))
        .unwrap_or_default())
}

fn blocks(app: &App, call: &Call) -> Result<Vec<(FunctionPlace, Va)>, Answer> {
    match hash(call)? {
        Some(hash) => questions::with_block(&app.service.corpus, BlockHash::new(hash)).map_err(store_failed),
        None => Ok(Vec::new()),
    }
}

/// The hash of the path; `None` for a number that is no hash of anything. The reference has one message for both kinds.
fn hash(call: &Call) -> Result<Option<u64>, Answer> {
    match numbers::hash(call.text(0)) {
        HashText::Hash(hash) => Ok(Some(hash)),
        HashText::TooLarge => Ok(None),
        HashText::Garbage | HashText::TooShort => Err(Answer::bad_request("No valid PicHash provided.")),
    }
}

fn summary<'a>(places: impl Iterator<Item = &'a FunctionPlace> + Clone) -> Value {
    let families: HashSet<_> = places.clone().map(|place| place.family).collect();
    let samples: HashSet<_> = places.clone().map(|place| place.sample).collect();
    let functions: HashSet<_> = places.map(|place| place.function).collect();
    json!({"families": families.len(), "samples": samples.len(), "functions": functions.len()})
}
