//! `/results`: what jobs produced, served as it was stored.

use axum::http::StatusCode;
use malkin_report::{UploadId, wire};
use malkin_service::Request;
use malkin_store::Job;
use serde_json::{Value, json};

use super::shape::{job_json, result_id, store_failed};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// `GET /results/{id}?compact=`
pub(super) fn one(app: &App, call: &Call) -> Result<Answer, Answer> {
    let id = result_id(call.text(0))?;
    let store = app.engine.store();
    if let Some(bytes) = store.result(id).map_err(store_failed)? {
        let job = store.job_of_result(id).map_err(store_failed)?;
        return Ok(render(call, &bytes, job.as_ref()));
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
    let store = app.engine.store();
    if let Some(job) = store.job_of_result(id).map_err(store_failed)? {
        return Ok(Answer::data(&job_json(&job)));
    }
    match store.result(id).map_err(store_failed)? {
        Some(_) => Ok(Answer::data(&Value::Null)),
        None => Err(unknown_result()),
    }
}

fn unknown_result() -> Answer {
    Answer::failed(StatusCode::NOT_FOUND, "We don't have a result with that id.")
}

/// The stored bytes, or their compact form where the kind of job has one.
pub(super) fn render(call: &Call, bytes: &[u8], job: Option<&Job>) -> Answer {
    let compact =
        call.query.is_true("compact") && job.is_some_and(|job| Request::has_compact_form(&job.method));
    match compact.then(|| wire::compact_result(bytes)).flatten() {
        Some(bytes) => Answer::raw_data(&bytes),
        None => Answer::raw_data(bytes),
    }
}
