//! `/query`: matching without storing.

use malkin_service::Role;
use malkin_service::questions;
use serde_json::json;

use super::matches::{BANDS, EXACT, MATCHING, arguments, is_forced};
use super::shape::service_failed;
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::{Parameter, RequestBody};

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::post(
        "/query",
        Role::Reader,
        report,
        "A job: a report against all; the report is deleted when the job ends",
    )
    .query(MATCHING)
    .body(RequestBody::Json),
    Operation::post(
        "/query/function",
        Role::Reader,
        function,
        "The only function of a report against all, at once",
    )
    .query(&[BANDS, EXACT, Parameter::flag("leave_out_self")])
    .body(RequestBody::Json),
];

/// `POST /query`: an SMDA report. JSON that is no report makes a failing job, as in the reference.
pub(super) fn report(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    call.require_json()?;
    let id = app
        .service
        .jobs
        .enqueue_query(&call.body, arguments(&call.query), is_forced(&call.query))
        .map_err(service_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}

/// `POST /query/function`: a report with one function, answered at once. Only the number of bands matters here; the other
/// parameters have no effect in the reference either, except for one that it refuses. Ours: `leave_out_self=true` leaves the
/// stored sample with the report's SHA-256 out, which clients ask MCRIT for in vain with `exclude_self_matches`.
pub(super) fn function(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    call.require_json()?;
    let arguments = arguments(&call.query);
    if arguments.has_group_restriction() {
        return Err(Answer::bad_request("sample_group_only is understood by cross comparisons only."));
    }
    let exclude_self = call.query.is_true("leave_out_self");
    let arguments = arguments.of_one_function();
    let result = questions::query_function(&app.service.corpus, &call.body, &arguments, exclude_self)
        .map_err(service_failed)?;
    Ok(Answer::raw_data(&result))
}
