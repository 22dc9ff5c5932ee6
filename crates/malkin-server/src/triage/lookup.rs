//! `POST /ti/hash`: what providers know about a hash.

use http::{StatusCode, header};
use malkin_service::Role;
use malkin_service::triage::hash_kind;
use serde_json::{Value, json};

use super::refusal::{bad_request, fault, invalid, missing};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::lane::Lane;
use crate::operation::RequestBody;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] =
    &[Operation::post("/ti/hash", Role::Reader, hash, "Looks up a hash at threat-intelligence providers")
        .body(RequestBody::Hash)
        .triage()
        .lane(Lane::Slow)
        .original_id("ti_lookup_ti_hash_post")];

/// Answers 200 whatever the providers did; they are asked only for hashes of files.
pub(super) fn hash(app: &App, call: &Call) -> Result<Answer, Answer> {
    let text = stated(call)?;
    // Python's white space: that of Unicode and four separators of ASCII.
    let text = text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c));
    if text.is_empty() {
        return Err(bad_request("hash is required"));
    }
    let Some(kind) = hash_kind(text) else {
        let kind = malkin_service::triage::kind_name(text);
        return Err(bad_request(&format!("unsupported hash type: {kind}")));
    };
    Ok(Answer::json(StatusCode::OK, &app.service.triage.look_up(text, kind)))
}

/// The member `hash` of the body.
fn stated(call: &Call) -> Result<String, Answer> {
    if call.body.is_empty() {
        return Err(invalid(vec![missing(&["body"], Value::Null)]));
    }
    let declared =
        call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let no_object = |input: Value| {
        let message = "Input should be a valid dictionary or object to extract fields from";
        invalid(vec![fault("model_attributes_type", &["body"], message, input)])
    };
    let subtype = media_type.strip_prefix("application/").unwrap_or_default();
    if subtype != "json" && !subtype.ends_with("+json") {
        return Err(no_object(json!(String::from_utf8_lossy(&call.body))));
    }
    let Ok(text) = std::str::from_utf8(&call.body) else {
        return Err(bad_request("There was an error parsing the body"));
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let body: Value = serde_json::from_str(text).map_err(|error| {
        let before = text
            .lines()
            .take(error.line().saturating_sub(1))
            .map(|line| line.chars().count() + 1)
            .sum::<usize>();
        let at = before + error.column().saturating_sub(1);
        invalid(vec![
            json!({"type": "json_invalid", "loc": ["body", at], "msg": "JSON decode error", "input": {},
                            "ctx": {"error": error.to_string()}}),
        ])
    })?;
    // The parser keeps the last of equal keys; others keep the first.
    if let Err(error) = malkin_wire::read_value(text.as_bytes()) {
        return Err(bad_request(&error.to_string()));
    }
    let Value::Object(members) = &body else { return Err(no_object(body)) };
    match members.get("hash") {
        Some(Value::String(hash)) => Ok(hash.clone()),
        Some(other) => Err(invalid(vec![fault(
            "string_type",
            &["body", "hash"],
            "Input should be a valid string",
            other.clone(),
        )])),
        None => Err(invalid(vec![missing(&["body", "hash"], body)])),
    }
}
