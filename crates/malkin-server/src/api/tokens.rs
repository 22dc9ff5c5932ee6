//! `/tokens`: named tokens. MCRIT has nothing of the kind; envelopes and failures are in its style.

use axum::http::StatusCode;
use malkin_service::Role;
use malkin_service::clock::second_time;
use serde_json::{Value, json};

use super::shape::{service_failed, store_failed};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// `GET /tokens`: names, roles and times; nothing that opens a door.
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
pub(super) fn list(app: &App, _: &Call) -> Result<Answer, Answer> {
    let tokens = app.engine.tokens().into_iter().map(|token| {
        json!({"name": token.name, "role": token.role.as_str(), "created_at": second_time(token.created_at)})
    });
    Ok(Answer::data(&tokens.collect()))
}

/// `POST /tokens` with `{"name", "role"}`: makes a token. Its text is told here and never again.
pub(super) fn add(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    call.require_json()?;
    let body: Value =
        serde_json::from_slice(&call.body).map_err(|error| Answer::invalid_json(&error.to_string()))?;
    let name = body["name"].as_str().ok_or_else(|| Answer::bad_request("name must be a text."))?;
    let role = body["role"].as_str().and_then(Role::from_text);
    let role = role.ok_or_else(|| Answer::bad_request("role must be reader, contributor or admin."))?;
    let token = app.engine.add_token(name, role).map_err(service_failed)?;
    Ok(Answer::data(&json!({"name": name, "role": role.as_str(), "token": token})))
}

/// `DELETE /tokens/{name}`: the next request with this token is refused.
pub(super) fn revoke(app: &App, call: &Call) -> Result<Answer, Answer> {
    if app.engine.revoke_token(call.text(0)).map_err(store_failed)? {
        return Ok(Answer::data(&Value::Null));
    }
    Err(Answer::failed(StatusCode::NOT_FOUND, "We don't have a token with that name."))
}
