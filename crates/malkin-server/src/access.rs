//! Who asks, and what they may do: the token of a request, and the role that each route wants.
//!
//! Tokens are recognised before anything else, so that unknown paths tell strangers nothing.

use axum::http::{HeaderMap, StatusCode};
use malkin_service::Role;
use subtle::ConstantTimeEq;

use crate::answer::Answer;
use crate::app::App;
use crate::route::Part;

/// Whoever sent a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    /// Name of the token; none for the one that is configured, and on a server without tokens.
    pub(crate) name: Option<String>,
    /// What they may do.
    pub(crate) role: Role,
}

/// Recognises the token of a request. Whoever has the configured one may do everything, as in MCRIT; so may everybody on a server that
/// has no tokens at all.
pub(crate) fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, Answer> {
    let everything = Caller { name: None, role: Role::Admin };
    let configured = app.settings().token.as_deref().filter(|token| !token.is_empty());
    if configured.is_none() && !app.engine.has_tokens() {
        return Ok(everything);
    }
    let Some(given) = headers.get("apitoken") else {
        return Err(Answer::framework(
            StatusCode::UNAUTHORIZED,
            "API token required",
            Some("Please provide an auth token as part of the request."),
        ));
    };
    if configured.is_some_and(|expected| bool::from(given.as_bytes().ct_eq(expected.as_bytes()))) {
        return Ok(everything);
    }
    match app.engine.holder(given.as_bytes()) {
        Some((name, role)) => Ok(Caller { name: Some(name), role }),
        None => Err(Answer::framework(
            StatusCode::UNAUTHORIZED,
            "Authentication required",
            Some("The provided API token is not valid. Please request a new token and try again."),
        )),
    }
}

/// Refuses whoever may not do what a route is for. The sentence is the same for both APIs, its place is theirs.
pub(crate) fn check(caller: &Caller, wanted: Role, in_triage: bool) -> Result<(), Answer> {
    if caller.role >= wanted {
        return Ok(());
    }
    let message = format!(
        "This needs a token of the role {}, and yours has the role {}.",
        wanted.as_str(),
        caller.role.as_str()
    );
    Err(if in_triage {
        Answer::json(StatusCode::FORBIDDEN, &serde_json::json!({"detail": message}))
    } else {
        Answer::failed(StatusCode::FORBIDDEN, &message)
    })
}

/// The role that a route wants: reading and asking is for everybody with a token, adding and changing for contributors, and whatever
/// takes something away or concerns the server for admins. What is not named here is for admins.
pub(crate) fn required(verb: &str, path: &[&str]) -> Role {
    match verb {
        "GET" | "HEAD" | "OPTIONS" => match path {
            [
                "complete_minhashes"
                | "rebuild_index"
                | "rebuild_picblockhash_index"
                | "recalculate_pichashes"
                | "recalculate_minhashes"
                | "tokens",
                ..,
            ] => Role::Admin,
            _ => Role::Reader,
        },
        "POST" => match path {
            ["query", ..]
            | ["uniqueblocks", "check"]
            | ["samples" | "families", "ids"]
            | ["functions"]
            | ["ti", "hash"] => Role::Reader,
            ["samples" | "import"] | ["samples", "binary"] | ["analyze", "upload"] => Role::Contributor,
            _ => Role::Admin,
        },
        "PUT" if matches!(path, ["samples" | "families", _]) => Role::Contributor,
        "DELETE" if matches!(path, ["jobs", _]) => Role::Contributor,
        _ => Role::Admin,
    }
}

/// The role that a route of a table wants.
pub(crate) fn required_for(verb: &str, pattern: &[Part]) -> Role {
    let path: Vec<&str> = pattern
        .iter()
        .map(|part| match part {
            Part::Is(text) => text,
            Part::Int | Part::Text => "{}",
        })
        .collect();
    required(verb, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_grow_with_what_a_route_does() {
        for (verb, path, role) in [
            ("GET", &["samples"][..], Role::Reader),
            ("GET", &["matches", "sample", "{}"], Role::Reader),
            ("POST", &["query", "binary", "mapped", "{}"], Role::Reader),
            ("POST", &["functions"], Role::Reader),
            ("POST", &["samples"], Role::Contributor),
            ("PUT", &["families", "{}"], Role::Contributor),
            ("DELETE", &["jobs", "{}"], Role::Contributor),
            ("DELETE", &["jobs"], Role::Admin),
            ("DELETE", &["samples", "{}"], Role::Admin),
            ("POST", &["respawn"], Role::Admin),
            ("GET", &["rebuild_index"], Role::Admin),
            ("GET", &["tokens"], Role::Admin),
            ("POST", &["analyses", "purge"], Role::Admin),
            ("PATCH", &["anything"], Role::Admin),
        ] {
            assert_eq!(required(verb, path), role, "{verb} {path:?}");
        }
    }
}
