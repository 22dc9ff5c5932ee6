//! `/query`: matching without storing.

use serde_json::json;

use super::matches::{arguments, is_forced};
use super::shape::service_failed;
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// `POST /query`: an SMDA report. JSON that is no report makes a failing job, as in the reference.
pub(super) fn report(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    call.require_json()?;
    let id = app
        .engine
        .enqueue_query(&call.body, arguments(&call.query), is_forced(&call.query))
        .map_err(service_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}
