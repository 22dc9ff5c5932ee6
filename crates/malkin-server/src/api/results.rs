//! `/results`: what jobs produced, served as it was stored.

use std::sync::Arc;

use http::StatusCode;
use malkin_report::{ResultId, UploadId, Va};
use malkin_service::Role;
use malkin_service::jobs::kinds;
use malkin_service::{ResultFilter, filtered_result};
use malkin_store::{Content, Job};
use serde_json::{Value, json};

use super::listing::ContentPieces;
use super::shape::{job_json, result_id, store_failed};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::Parameter;
use crate::query::Query;

/// Memory that a result takes in other forms, in multiples of its size: itself, its compact form and the answer; the same with what
/// filters read of it.
const COPIES_TO_COMPACT: usize = 3;
const COPIES_TO_NARROW: usize = 8;

/// Parameters of results: those of MCRIT's reading of them, and the number of samples.
pub(super) const RESULT: &[Parameter] = &[
    Parameter::flag("compact"),
    Parameter::count("top"),
    Parameter::flag("unique_only"),
    Parameter::score("direct_min_score"),
    Parameter::score("direct_nonlib_min_score"),
    Parameter::score("frequency_min_score"),
    Parameter::score("frequency_nonlib_min_score"),
    Parameter::flag("exclude_own_family"),
    Parameter::text("family_name"),
    Parameter::flag("exclude_library"),
    Parameter::score("library_min_score"),
    Parameter::count("max_num_families"),
    Parameter::count("min_num_samples"),
    Parameter::count("max_num_samples"),
    Parameter::score("function_min_score"),
    Parameter::score("function_max_score"),
    Parameter::count("function_offset"),
    Parameter::flag("exclude_pic"),
    Parameter::flag("func_unique"),
];

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/results/{result_id}", Role::Reader, one, "A result, whole or filtered").query(RESULT),
    Operation::get("/results/{result_id}/job", Role::Reader, job, "The job of a result"),
];

/// `GET /results/{id}?compact=`
pub(super) fn one(app: &App, call: &Call) -> Result<Answer, Answer> {
    let id = result_id(call.text(0))?;
    let store = app.service.corpus.store();
    if let Some(content) = store.open_result(id).map_err(store_failed)? {
        let job = store.job_of_result(id).map_err(store_failed)?;
        return Ok(render(app, call, id, content, job.as_ref()));
    }
    // The id of an upload is answered, but uploads are not handed out.
    if store.has_upload(UploadId(id.0)).map_err(store_failed)? {
        return Ok(Answer::data(&json!("Access Not Allowed")));
    }
    Err(unknown_result())
}

/// `GET /results/{id}/job`: null if the job is gone.
pub(super) fn job(app: &App, call: &Call) -> Result<Answer, Answer> {
    let id = result_id(call.text(0))?;
    let store = app.service.corpus.store();
    if let Some(job) = store.job_of_result(id).map_err(store_failed)? {
        return Ok(Answer::data(&job_json(&job)));
    }
    match store.open_result(id).map_err(store_failed)? {
        Some(_) => Ok(Answer::data(&Value::Null)),
        None => Err(unknown_result()),
    }
}

fn unknown_result() -> Answer {
    Answer::failed(StatusCode::NOT_FOUND, "We don't have a result with that id.")
}

/// The stored bytes, their compact form where the kind of job has one, or what filters leave of them (ours). The stored bytes are
/// inflated while they are sent; the others need the whole result, for which there has to be room.
pub(super) fn render(app: &App, call: &Call, id: ResultId, content: Content, job: Option<&Job>) -> Answer {
    let compact =
        call.query.is_true("compact") && job.is_some_and(|job| kinds::has_compact_form(&job.method));
    let filter = filter(&call.query);
    if !compact && filter.is_none() {
        return Answer::pieces(b"", ContentPieces(content), b"");
    }
    let copies = if filter.is_some() { COPIES_TO_NARROW } else { COPIES_TO_COMPACT };
    let size = usize::try_from(content.size).unwrap_or(usize::MAX).saturating_mul(copies);
    drop(content);
    let corpus = Arc::clone(&app.service.corpus);
    Answer::later(size, move || {
        let Some(bytes) = corpus.store().result(id).map_err(store_failed)? else {
            return Ok(Answer::data(&Value::Null));
        };
        if let Some((filter, top)) = filter
            && let Some(bytes) = filtered_result(&bytes, &filter, top, compact)
        {
            return Ok(Answer::raw_data(&bytes));
        }
        Ok(match compact.then(|| malkin_wire::compact_result(&bytes)).flatten() {
            Some(bytes) => Answer::raw_data(&bytes),
            None => Answer::raw_data(&bytes),
        })
    })
}

/// Parameters by which a result is cut down, those of MCRIT's reading of results and the number of samples; none if there is none of
/// them. What cannot be read counts as not given.
pub(crate) fn filter(query: &Query) -> Option<(ResultFilter, Option<usize>)> {
    let (mut filter, mut top, mut any) = (ResultFilter::default(), None, false);
    for name in query.names() {
        let number =
            query.once(name).and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
        let count = number.map(|number| number.max(0.0) as u64);
        match name {
            "unique_only" => filter.unique_only = query.is_true(name),
            "direct_min_score" => filter.direct_min_score = number.unwrap_or_default(),
            "direct_nonlib_min_score" => filter.direct_nonlib_min_score = number.unwrap_or_default(),
            "frequency_min_score" => filter.frequency_min_score = number.unwrap_or_default(),
            "frequency_nonlib_min_score" => filter.frequency_nonlib_min_score = number.unwrap_or_default(),
            "exclude_own_family" => filter.exclude_own_family = query.is_true(name),
            "family_name" => query.once(name).unwrap_or_default().clone_into(&mut filter.family_name),
            "exclude_library" => filter.exclude_library = query.is_true(name),
            "library_min_score" => filter.library_min_score = number.unwrap_or_default(),
            "max_num_families" => filter.max_num_families = count.unwrap_or_default(),
            "min_num_samples" => filter.min_num_samples = count.unwrap_or_default(),
            "max_num_samples" => filter.max_num_samples = count.unwrap_or_default(),
            "function_min_score" => filter.function_min_score = number.unwrap_or_default(),
            "function_max_score" => filter.function_max_score = number.unwrap_or_default(),
            "function_offset" => {
                filter.function_offset = query.once(name).and_then(|text| text.parse().ok()).map(Va::new);
            }
            "exclude_pic" => filter.exclude_pic = query.is_true(name),
            "func_unique" => filter.func_unique = query.is_true(name),
            "top" => top = count.and_then(|count| usize::try_from(count).ok()),
            _ => continue,
        }
        any = true;
    }
    any.then_some((filter, top))
}
