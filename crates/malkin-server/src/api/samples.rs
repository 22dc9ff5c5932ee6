//! `/samples`: submission, listing, single records and their functions, changes, deletion.

use http::StatusCode;
use malkin_report::{SampleEntry, SampleId};
use malkin_service::Role;
use malkin_service::jobs::kinds;
use serde_json::json;

use super::listing::{self, FunctionPieces, Functions, Shown};
use super::shape::{function_json, page, service_failed, store_failed, unknown};
use super::{changes, numbers};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::{LIMIT, RequestBody, START};

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/samples", Role::Reader, list, "Samples").query(&[START, LIMIT]),
    Operation::post("/samples", Role::Contributor, submit, "Stores a sample: an SMDA report")
        .body(RequestBody::Json),
    Operation::post("/samples/ids", Role::Reader, by_ids, "Several samples at once, by a list of numbers")
        .body(RequestBody::Text)
        .ours(),
    Operation::get("/samples/sha256/{sha256}", Role::Reader, by_sha256, "A sample by its hash"),
    Operation::get("/samples/{sample_id:int}", Role::Reader, one, "One sample"),
    Operation::put("/samples/{sample_id:int}", Role::Contributor, modify, "Changes a sample")
        .body(RequestBody::Json)
        .accepted(),
    Operation::delete("/samples/{sample_id:int}", Role::Admin, delete, "A job: deletes a sample").accepted(),
    Operation::get(
        "/samples/{sample_id:int}/functions",
        Role::Reader,
        functions,
        "The functions of a sample, with disassembly",
    ),
    Operation::get(
        "/samples/{sample_id:int}/functions/{function_id:int}",
        Role::Reader,
        function,
        "One function of a sample",
    ),
];

/// `GET /samples?start=&limit=`
pub(super) fn list(app: &App, call: &Call) -> Result<Answer, Answer> {
    let samples = listing::samples(&app.service.corpus, None, page(&call.query)?);
    Ok(Answer::pieces_from(b"{", samples, b"}"))
}

/// `POST /samples`: an SMDA report.
pub(super) fn submit(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    call.require_json()?;
    let submitted = app.service.submit_report(&call.body, call.username()).map_err(service_failed)?;
    let mut data = json!({"existed": submitted.job.is_none(), "sample_info": malkin_wire::sample_entry_to_json(&submitted.sample)});
    if let Some(job) = submitted.job {
        data["job_id"] = json!(job.to_string());
    }
    Ok(Answer::data(&data))
}

/// `POST /samples/ids` (ours): several at once; unknown numbers are passed over. The body is text, numbers separated by commas.
pub(super) fn by_ids(app: &App, call: &Call) -> Result<Answer, Answer> {
    let ids: Vec<SampleId> = numbers::body_list(call)?.into_iter().map(SampleId::new).collect();
    Ok(Answer::pieces_from(b"{", listing::samples_by_number(&app.service.corpus, ids), b"}"))
}

/// `GET /samples/{id}`
pub(super) fn one(app: &App, call: &Call) -> Result<Answer, Answer> {
    Ok(Answer::data(&malkin_wire::sample_entry_to_json(&known(app, call.sample(0))?)))
}

/// `GET /samples/sha256/{sha256}`: exact text; it must start with 64 hex digits.
pub(super) fn by_sha256(app: &App, call: &Call) -> Result<Answer, Answer> {
    let text = call.text(0);
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    if digits < 64 {
        return Err(Answer::failed(StatusCode::BAD_REQUEST, "No valid SHA256 provided."));
    }
    let sample = app.service.corpus.store().sample_by_sha256(text).map_err(store_failed)?;
    let sample = sample
        .ok_or_else(|| Answer::failed(StatusCode::NOT_FOUND, "We don't have a sample with that SHA256."))?;
    Ok(Answer::data(&malkin_wire::sample_entry_to_json(&sample)))
}

/// `GET /samples/{id}/functions`: all functions with disassembly.
pub(super) fn functions(app: &App, call: &Call) -> Result<Answer, Answer> {
    let sample = known(app, call.sample(0))?;
    let numbers = app.service.corpus.store().function_numbers(sample.sample_id).map_err(store_failed)?;
    let shown = Shown { with_disassembly: true, labelled_only: false };
    Ok(Answer::pieces(b"{", FunctionPieces::new(&app.service.corpus, Functions::Each(numbers), shown), b"}"))
}

/// `GET /samples/{id}/functions/{fid}`: one function without disassembly.
pub(super) fn function(app: &App, call: &Call) -> Result<Answer, Answer> {
    let sample = known(app, call.sample(0))?;
    let function = super::functions::known(app, call.function(1))?;
    if function.sample_id != sample.sample_id {
        let message = "This sample doesn't have a function with that id.";
        return Err(Answer::failed(StatusCode::NOT_FOUND, message));
    }
    Ok(Answer::raw_data(&function_json(&function)))
}

/// `PUT /samples/{id}`: a job whose id is not returned; an unknown number is accepted too.
pub(super) fn modify(app: &App, call: &Call) -> Result<Answer, Answer> {
    let request = kinds::ModifySample(call.sample(0), changes::of_sample(call)?);
    app.service.jobs.enqueue_change(&request).map_err(store_failed)?;
    Ok(Answer::accepted(&json!({"message": "Sample modified."})))
}

/// `DELETE /samples/{id}`: an unknown number is taken, too.
pub(super) fn delete(app: &App, call: &Call) -> Result<Answer, Answer> {
    let job = app.service.jobs.enqueue(&kinds::DeleteSample(call.sample(0)), true).map_err(store_failed)?;
    Ok(Answer::accepted(&json!(job.to_string())))
}

/// The record of a sample, or 404.
pub(super) fn known(app: &App, id: SampleId) -> Result<SampleEntry, Answer> {
    app.service.corpus.store().sample(id).map_err(store_failed)?.ok_or_else(|| unknown("sample"))
}
