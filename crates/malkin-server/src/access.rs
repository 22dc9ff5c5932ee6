//! Who asks, and what they may do: the token of a request, and the role that its operation wants.
//!
//! Tokens are recognised before anything else, so unknown paths reveal nothing to strangers. Which role an operation wants stands in
//! its row (`operation`).

use http::{HeaderMap, StatusCode};
use malkin_service::Role;
use subtle::ConstantTimeEq;

use crate::answer::Answer;
use crate::app::App;
use crate::caller::Caller;
use crate::operation::Api;

/// Recognises the token of a request. The configured one allows everything, as in MCRIT; on a server that never had tokens everybody
/// may do everything.
pub(crate) fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, Answer> {
    if !app.requires_token() {
        return Ok(Caller { name: None, role: Role::Admin, has_master: false });
    }
    let configured = app.configured_token();
    let Some(given) = headers.get("apitoken") else {
        return Err(Answer::framework(
            StatusCode::UNAUTHORIZED,
            "API token required",
            Some("Please provide an auth token as part of the request."),
        ));
    };
    if configured.is_some_and(|expected| bool::from(given.as_bytes().ct_eq(expected.as_bytes()))) {
        return Ok(Caller { name: None, role: Role::Admin, has_master: true });
    }
    match app.service.tokens.holder(given.as_bytes()) {
        Some((name, role)) => Ok(Caller { name: Some(name), role, has_master: false }),
        None => Err(Answer::framework(
            StatusCode::UNAUTHORIZED,
            "Authentication required",
            Some("The provided API token is not valid. Please request a new token and try again."),
        )),
    }
}

/// Refuses callers whose role does not suffice. The sentence is the same for both APIs, its place is theirs.
pub(crate) fn check(caller: &Caller, wanted: Role, api: Api) -> Result<(), Answer> {
    if caller.role >= wanted {
        return Ok(());
    }
    let message = format!(
        "This needs a token of the role {}, and yours has the role {}.",
        wanted.as_str(),
        caller.role.as_str()
    );
    Err(match api {
        Api::Triage => Answer::json(StatusCode::FORBIDDEN, &serde_json::json!({"detail": message})),
        Api::Mcrit => Answer::failed(StatusCode::FORBIDDEN, &message),
    })
}
