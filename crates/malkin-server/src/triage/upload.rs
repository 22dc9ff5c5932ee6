//! `POST /analyze/upload`: analyses a file, or returns its existing record.

use http::{StatusCode, header};
use malkin_service::Role;
use malkin_service::triage::{DEFAULT_MODEL, Uploaded};
use serde_json::{Value, json};

use super::multipart::{self, Field};
use super::refusal::{bad_request, fault, invalid, missing, service_failed};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::lane::Lane;
use crate::operation::{Parameter, RequestBody};
use crate::query::Query;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[Operation::post(
    "/analyze/upload",
    Role::Contributor,
    upload,
    "Analyses a file, or returns its existing record",
)
.query(&[Parameter::flag("afresh"), Parameter::flag("similarity")])
.body(RequestBody::Upload)
.triage()
.lane(Lane::Slow)
.original_id("analyze_upload_analyze_upload_post")];

/// The answer is the record alone, as in the original; its id and whether it was known stand in headers. `?afresh=true` looks
/// again, `?similarity=false` leaves the code alone.
pub(super) fn upload(app: &App, call: &Call) -> Result<Answer, Answer> {
    let declared =
        call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let absent = || invalid(vec![missing(&["body", "file"], Value::Null)]);
    let fields = match media_type.as_str() {
        "multipart/form-data" => {
            multipart::read(declared, &call.body).map_err(|cause| bad_request(&cause))?
        }
        "application/x-www-form-urlencoded" => {
            let form = Query::parse(&String::from_utf8_lossy(&call.body));
            let file = form.last("file").ok_or_else(absent)?;
            return Err(no_file(file));
        }
        _ => return Err(absent()),
    };
    let text = |name: &str| match fields.get(name) {
        Some(Field::Text(text)) => text.as_str(),
        _ => "",
    };
    let (name, bytes) = match fields.get("file") {
        Some(Field::File(name, bytes)) => (name, bytes),
        Some(Field::Text(text)) => return Err(no_file(text)),
        None => return Err(absent()),
    };
    if name.is_empty() {
        return Err(invalid(vec![fault(
            "value_error",
            &["body", "file"],
            "The file has no name",
            json!(""),
        )]));
    }
    let model = Some(text("model")).filter(|model| !model.is_empty()).unwrap_or(DEFAULT_MODEL);
    let file =
        Uploaded { bytes, name, hint: text("hint"), model, similarity: !call.query.is_false("similarity") };
    let analysed = app.service.triage.analyse(&file, call.query.is_true("afresh")).map_err(service_failed)?;
    let cache = if analysed.was_known { "hit" } else { "miss" };
    Ok(Answer::json_text(StatusCode::OK, analysed.document.into_bytes())
        .with_header("x-analysis-id", analysed.id)
        .with_header("x-cache", cache.to_owned()))
}

fn no_file(text: &str) -> Answer {
    let message = "Value error, Expected UploadFile, received: <class 'str'>";
    let mut fault = fault("value_error", &["body", "file"], message, json!(text));
    fault["ctx"] = json!({"error": {}});
    invalid(vec![fault])
}
