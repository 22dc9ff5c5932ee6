//! `/tokens`: named tokens. MCRIT has nothing of the kind; envelopes and failures are in its style.

use http::StatusCode;
use malkin_service::clock::second_time;
use malkin_service::{Revoked, Role};
use serde_json::{Value, json};

use super::shape::{service_failed, store_failed};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::RequestBody;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/tokens", Role::Admin, list, "Names and roles of the tokens").ours(),
    Operation::post("/tokens", Role::Admin, add, "Creates a token with a name and a role, and shows it once")
        .body(RequestBody::Json)
        .ours(),
    Operation::delete("/tokens/{name:rest}", Role::Admin, revoke, "Revokes a token at once").ours(),
];

/// `GET /tokens`: names, roles and times; nothing that opens a door.
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
pub(super) fn list(app: &App, _: &Call) -> Result<Answer, Answer> {
    let tokens = app.service.tokens.all().into_iter().map(|token| {
        json!({"name": token.name, "role": token.role.as_str(), "created_at": second_time(token.created_at)})
    });
    Ok(Answer::data(&tokens.collect()))
}

/// `POST /tokens` with `{"name", "role"}`: makes a token. Its text is returned once, here.
pub(super) fn add(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    call.require_json()?;
    let body = call.json()?;
    let name = body["name"].as_str().ok_or_else(|| Answer::bad_request("name must be a text."))?;
    let role = body["role"].as_str().and_then(Role::from_text);
    let role = role.ok_or_else(|| Answer::bad_request("role must be reader, contributor or admin."))?;
    let token = app.service.tokens.add(name, role).map_err(service_failed)?;
    Ok(Answer::data(&json!({"name": name, "role": role.as_str(), "token": token})))
}

/// `DELETE /tokens/{name}`: the next request with this token is refused. The name is the rest of the path, so that names with a slash,
/// which older versions allowed, can be taken back.
pub(super) fn revoke(app: &App, call: &Call) -> Result<Answer, Answer> {
    let tokens_are_all = app.configured_token().is_none();
    match app.service.tokens.revoke(call.text(0), tokens_are_all).map_err(store_failed)? {
        Revoked::Done => Ok(Answer::data(&Value::Null)),
        Revoked::Unknown => {
            Err(Answer::failed(StatusCode::NOT_FOUND, "We don't have a token with that name."))
        }
        Revoked::KeptLastAdmin => Err(Answer::failed(
            StatusCode::CONFLICT,
            "This is the last token of an admin and the server was started without --token, so nobody could make another one. Add one first; to open the server to everybody, stop it and run malkin token disable.",
        )),
    }
}
