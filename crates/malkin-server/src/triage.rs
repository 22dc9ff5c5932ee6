//! The triage room: the routes of the analyses service, with its statuses and error bodies (`docs/reference/triage-api.md`). It shares server,
//! store and tokens with MCRIT's API and nothing of its envelopes.
//!
//! Paths are decoded before they are taken apart, a trailing slash leads to the path without it, and HEAD and OPTIONS count as wrong
//! verbs, as in the original's framework.

mod analyses;
mod disposition;
mod lookup;
mod multipart;
mod refusal;
mod upload;

use axum::http::{Method, StatusCode, Uri};
use malkin_service::Role;
use malkin_store::StoreError;
use serde_json::json;

use crate::access;
use crate::answer::Answer;
use crate::app::{App, Handler};
use crate::call::Call;
use crate::route::{Segment, percent_decode};
pub(crate) use multipart::{Field, read as read_form};
pub(crate) use refusal::{LOST, READ_ONLY};

/// Where a path of this room leads.
pub(crate) enum Target {
    /// To a handler, and to whom it is open.
    Found(Handler, Vec<Segment>, Role),
    /// To an answer that needs none.
    Answered(Answer),
}

/// Verbs of a path with their handlers, the value of its variable segment beside them.
type Verbs = (&'static [(&'static str, Handler)], Vec<Segment>);

/// Paths of this room: the first segments that are its own.
const ROOMS: [&str; 3] = ["analyses", "analyze", "ti"];

/// All operations of this room, as the description of the API has to tell them.
#[cfg(test)]
pub(crate) const ROUTES: [&str; 9] = [
    "GET /healthz",
    "POST /ti/hash",
    "POST /analyze/upload",
    "GET /analyses",
    "GET /analyses/sha256/{}",
    "GET /analyses/sha1/{}",
    "POST /analyses/purge",
    "GET /analyses/{}",
    "DELETE /analyses/{}",
];

/// Finds a path of this room; `None` for all others. `alone` if unknown paths are this room's as well.
pub(crate) fn find(method: &Method, uri: &Uri, alone: bool) -> Option<Target> {
    let path = uri.path();
    let decoded = percent_decode(path);
    let inner = decoded.strip_prefix('/')?;
    if let Some((verbs, values)) = verbs_of(inner) {
        let found = verbs.iter().find(|(verb, _)| *verb == method.as_str());
        return Some(match found {
            Some((verb, handler)) => {
                let parts: Vec<&str> = inner.split('/').collect();
                Target::Found(*handler, values, access::required(verb, &parts))
            }
            None => Target::Answered(wrong_verb(verbs)),
        });
    }
    let first = inner.split('/').next().unwrap_or_default();
    let is_ours = ROOMS.contains(&first) || first == "healthz";
    if let Some(without) = inner.strip_suffix('/').filter(|without| is_ours && verbs_of(without).is_some()) {
        let path = path.strip_suffix('/').unwrap_or(without);
        let location = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        return Some(Target::Answered(
            Answer::empty(StatusCode::TEMPORARY_REDIRECT).with_header("location", location),
        ));
    }
    (is_ours || alone && !crate::api::knows(path)).then(|| Target::Answered(refusal::not_found("Not Found")))
}

/// Whether a path as it was sent is one of this room's, so that refusals have its shape.
pub(crate) fn is_own(path: &str) -> bool {
    let decoded = percent_decode(path);
    let first = decoded.trim_start_matches('/').split('/').next().unwrap_or_default();
    ROOMS.contains(&first) || first == "healthz"
}

fn verbs_of(path: &str) -> Option<Verbs> {
    let text = |text: &str| vec![Segment::Text(text.to_owned())];
    Some(match path.split('/').collect::<Vec<_>>().as_slice() {
        ["healthz"] => (&[("GET", healthz)], Vec::new()),
        ["ti", "hash"] => (&[("POST", lookup::hash)], Vec::new()),
        ["analyze", "upload"] => (&[("POST", upload::upload)], Vec::new()),
        ["analyses"] => (&[("GET", analyses::list)], Vec::new()),
        ["analyses", "sha256", hash] if !hash.is_empty() => (&[("GET", analyses::by_sha256)], text(hash)),
        ["analyses", "sha1", hash] if !hash.is_empty() => (&[("GET", analyses::by_sha1)], text(hash)),
        ["analyses", "purge"] => (
            &[("GET", analyses::by_id), ("POST", analyses::purge), ("DELETE", analyses::delete)],
            text("purge"),
        ),
        ["analyses", id] if !id.is_empty() => {
            (&[("GET", analyses::by_id), ("DELETE", analyses::delete)], text(id))
        }
        _ => return None,
    })
}

fn wrong_verb(verbs: &[(&str, Handler)]) -> Answer {
    let allow: Vec<&str> = verbs.iter().map(|(verb, _)| *verb).collect();
    refusal::detail(StatusCode::METHOD_NOT_ALLOWED, &json!("Method Not Allowed"))
        .with_header("allow", allow.join(", "))
}

/// `GET /healthz`: the process answers and the files of its database are still there. It waits for nothing: whether the store takes
/// writes is the question of `/readyz`.
fn healthz(app: &App, _: &Call) -> Result<Answer, Answer> {
    match app.service.corpus.store().health() {
        Ok(()) => Ok(Answer::json(StatusCode::OK, &json!({"status": "ok"}))),
        Err(error) => {
            tracing::error!(%error, "the store is not healthy");
            let cause = match error {
                StoreError::Lost(_) => LOST,
                StoreError::Damaged { .. } => "the database is damaged, see the log",
                _ => "the store does not answer",
            };
            Err(refusal::detail(StatusCode::SERVICE_UNAVAILABLE, &json!(cause)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, path: &str, alone: bool) -> Option<u16> {
        match find(method, &path.parse().unwrap(), alone)? {
            Target::Found(..) => Some(200),
            Target::Answered(answer) => Some(answer.status.as_u16()),
        }
    }

    #[test]
    fn told_operations_are_there() {
        for operation in ROUTES {
            let (verb, path) = operation.split_once(' ').unwrap();
            let method = Method::from_bytes(verb.as_bytes()).unwrap();
            assert_eq!(status(&method, &path.replace("{}", "x"), false), Some(200), "{operation}");
        }
    }

    #[test]
    fn paths_of_this_room_are_told_from_all_others() {
        let get = Method::GET;
        for path in [
            "/healthz",
            "/analyses",
            "/analyses/ab",
            "/analyses/sha256/ab",
            "/analyses/purge",
            "/analyses/%20",
        ] {
            assert_eq!(status(&get, path, false), Some(200), "{path}");
        }
        for path in ["/analyses/a/b", "/analyses/a%2Fb", "/analyze", "/ti/x"] {
            assert_eq!(status(&get, path, false), Some(404), "{path}");
        }
        for path in ["/ti/hash", "/analyze/upload"] {
            assert_eq!(status(&get, path, false), Some(405), "{path}");
        }
        assert_eq!(status(&get, "/analyses/", false), Some(307));
        let Some(Target::Answered(moved)) = find(&get, &"/analyses/?page=2".parse().unwrap(), false) else {
            panic!("a trailing slash leads elsewhere")
        };
        assert_eq!(moved.headers, [("location", "/analyses?page=2".to_owned())]);
        assert_eq!(status(&get, "/analyses/sha256/", false), Some(307));
        for path in ["/", "/samples", "/nope", "/analysesx"] {
            assert_eq!(status(&get, path, false), None, "{path}");
        }
        assert_eq!(status(&get, "/nope", true), Some(404));
        assert_eq!(status(&get, "/samples", true), None);
    }
}
