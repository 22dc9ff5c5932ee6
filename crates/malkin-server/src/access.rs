//! Who asks, and what they may do: the token of a request, and the role that each route wants.
//!
//! Tokens are recognised before anything else, so that unknown paths tell strangers nothing.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode};
use malkin_service::Role;
use subtle::ConstantTimeEq;

use crate::answer::Answer;
use crate::app::App;
use crate::rate::Client;
use crate::route::Part;

/// Whoever sent a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    /// Name of the token; none for the one that is configured, and on a server without tokens.
    pub(crate) name: Option<String>,
    /// What they may do.
    pub(crate) role: Role,
    /// Whether they have the configured token.
    pub(crate) has_master: bool,
}

impl Caller {
    /// The caller of a route that is open to everybody.
    pub(crate) fn anybody() -> Self {
        Self { name: None, role: Role::Reader, has_master: false }
    }

    /// Whose requests are counted together with this one's; without a valid token those of the address.
    pub(crate) fn counted_as(caller: Result<&Self, &Answer>, peer: IpAddr) -> Client {
        match caller {
            Ok(Self { has_master: true, .. }) => Client::Master,
            Ok(Self { name: Some(name), .. }) => Client::Token(name.clone()),
            Ok(_) => Client::Address(peer),
            Err(_) => Client::Stranger(peer),
        }
    }
}

/// Recognises the token of a request. Whoever has the configured one may do everything, as in MCRIT; so may everybody on a server that
/// never had tokens.
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

/// Whether a request has work done or something changed; `GET` is no promise in MCRIT's API.
pub(crate) fn has_effects(verb: &str, path: &[&str]) -> bool {
    match verb {
        "GET" | "HEAD" => matches!(
            path,
            [
                "complete_minhashes"
                    | "rebuild_index"
                    | "rebuild_picblockhash_index"
                    | "recalculate_pichashes"
                    | "recalculate_minhashes"
                    | "matches"
                    | "uniqueblocks",
                ..
            ]
        ),
        "OPTIONS" => false,
        _ => true,
    }
}

/// The role that a route of a table wants.
pub(crate) fn required_for(verb: &str, pattern: &[Part]) -> Role {
    let path: Vec<&str> = pattern
        .iter()
        .map(|part| match part {
            Part::Is(text) => text,
            Part::Int | Part::Text | Part::Rest => "{}",
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
