//! `/ui/`: the pages. Which path leads to which page, who may open it, and the headers that keep a page from doing more than it should.
//!
//! Pages are HTML made on the server (`malkin-pages`); scripts read further rows below `/ui/data/`. A session cookie is valid
//! here only: the API never reads it, so that no page of another site can use it there. Changes are `POST` requests with the
//! session's token against forgery (`forms`).
//!
//! Not here: what a page looks like (`malkin-pages`), where its values come from (`malkin-service`), which requests of browsers are
//! refused before (`site`).

mod admin;
mod compare;
mod corpus;
mod data;
mod forms;
mod function;
mod home;
mod jobs;
mod listing;
mod picture;
mod results;
mod triage;
mod view;

use http::{HeaderMap, Method, StatusCode, Uri, header};
use malkin_pages::Template;
use malkin_pages::asset;
use malkin_pages::frame::{ErrorPage, Frame, Here};
use malkin_service::Role;
use malkin_store::StoreError;

use crate::answer::Answer;
use crate::app::{App, Handler};
use crate::call::Call;
use crate::caller::Caller;
use crate::path::{Segment, percent_decode};
use crate::router::Purpose;

/// Where a request for a page leads.
pub(crate) enum Target {
    /// To a handler, with the caller in whose name it works.
    Found(Handler, Vec<Segment>, Caller),
    /// To an answer that needs none.
    Answered(Answer),
}

/// Only the pages' own script, style and pictures; no frame around them, no form to elsewhere, no text that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// Whether a path belongs to the pages.
pub(crate) fn is_own(path: &str) -> bool {
    path == "/ui" || path.starts_with("/ui/")
}

/// What a request is for, if it is for a page; `/` is one for people with a browser. Looking at a page changes nothing.
pub(crate) fn purpose(method: &Method, path: &str) -> Option<Purpose> {
    let path = percent_decode(path);
    if !is_own(&path) && path != "/" {
        return None;
    }
    Some(match *method {
        Method::GET if path.starts_with("/ui/data/") => Purpose::Reading,
        Method::GET => Purpose::Page,
        Method::HEAD | Method::OPTIONS => Purpose::Reading,
        _ => Purpose::Effects,
    })
}

/// Whether a request for `/` comes from a person with a browser: the first media type it accepts is HTML. Clients of the API say
/// `*/*`, `application/json` or nothing.
pub(crate) fn wants_pages(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = accepts.split([',', ';']).next().unwrap_or_default().trim();
    *method == Method::GET && uri.path() == "/" && first.eq_ignore_ascii_case("text/html")
}

/// The answer to such a request. The two answers of `/` differ by `Accept`, and caches have to know.
pub(crate) fn to_pages() -> Answer {
    see_other("/ui/").with_header("vary", "Accept".to_owned())
}

/// Another page is next.
fn see_other(path: &str) -> Answer {
    Answer::empty(StatusCode::SEE_OTHER).with_header("location", path.to_owned())
}

/// What a role may open: role, verb, and the handler.
type Row = (Role, Handler);

/// The pages. A segment `{}` of the comments is a value of the path, in order.
fn row(method: &Method, path: &[&str]) -> Option<Row> {
    use Role::{Admin, Contributor, Reader};
    let row: Row = match (method.as_str(), path) {
        ("GET", []) => (Reader, home::page),
        ("GET", ["search"]) => (Reader, corpus::search),
        ("GET", ["families"]) => (Reader, corpus::families),
        ("GET", ["families", _]) => (Reader, corpus::family),
        ("POST", ["families", _]) => (Contributor, corpus::change_family),
        ("POST", ["families", _, "delete"]) => (Admin, corpus::delete_family),
        ("GET", ["samples"]) => (Reader, corpus::samples),
        ("GET", ["samples", _]) => (Reader, corpus::sample),
        ("POST", ["samples", _]) => (Contributor, corpus::change_sample),
        ("POST", ["samples", _, "match"]) => (Reader, jobs::match_sample),
        ("POST", ["samples", _, "delete"]) => (Admin, corpus::delete_sample),
        ("GET", ["functions", _]) => (Reader, function::page),
        ("GET", ["functions", _, "graph.svg"]) => (Reader, function::graph),
        ("POST", ["functions", _, "match"]) => (Reader, jobs::match_function),
        ("GET", ["diff"]) => (Reader, function::diff_form),
        ("GET", ["diff", _, _]) => (Reader, function::diff),
        ("GET", ["results", _]) => (Reader, results::page),
        ("GET", ["results", _, "pairs.csv" | "pairs.json" | "pairs.md"]) => (Reader, results::pairs_file),
        ("GET", ["jobs"]) => (Reader, jobs::list),
        ("GET", ["jobs", _]) => (Reader, jobs::page),
        ("POST", ["jobs", _, "delete"]) => (Contributor, jobs::delete),
        ("POST", ["query"]) => (Reader, home::upload),
        ("GET", ["compare"]) => (Reader, compare::page),
        ("POST", ["compare"]) => (Reader, compare::start),
        ("GET", ["matrix", _]) => (Reader, compare::matrix),
        ("GET", ["pair", _, _]) => (Reader, compare::pair),
        ("POST", ["pair", _, _]) => (Reader, compare::start_pair),
        ("POST", ["blocks"]) => (Reader, compare::start_blocks),
        ("GET", ["blocks", _]) => (Reader, compare::blocks),
        ("POST", ["blocks", _, "check"]) => (Reader, compare::check_rule),
        ("GET", ["triage"]) => (Reader, triage::list),
        ("GET", ["triage", _]) => (Reader, triage::page),
        ("POST", ["triage", _, "delete"]) => (Admin, triage::delete),
        ("GET", ["statistics"]) => (Reader, corpus::statistics),
        ("GET", ["exchange"]) => (Reader, admin::exchange),
        ("GET", ["exchange", "export"]) => (Reader, admin::export),
        ("POST", ["exchange", "import"]) => (Contributor, admin::import),
        ("GET", ["settings"]) => (Reader, admin::settings),
        ("POST", ["tokens"]) => (Admin, admin::add_token),
        ("POST", ["tokens", "revoke"]) => (Admin, admin::revoke_token),
        ("POST", ["logout"]) => (Reader, admin::logout),
        ("GET", ["data", "jobs", _, "events"]) => (Reader, data::job_events),
        ("GET", ["data", "results", _, "functions"]) => (Reader, data::own_functions),
        ("GET", ["data", "results", _, "pairs"]) => (Reader, data::pairs),
        _ => return None,
    };
    Some(row)
}

/// Finds a page. `who` is asked for the session only for pages that need one, so that attempts to guess are counted by the caller.
pub(crate) fn find(app: &App, method: &Method, uri: &Uri, headers: &HeaderMap) -> Target {
    let decoded = percent_decode(uri.path());
    let inner = decoded.trim_start_matches("/ui").trim_matches('/');
    let path: Vec<&str> = if inner.is_empty() { Vec::new() } else { inner.split('/').collect() };
    if decoded == "/ui" {
        return Target::Answered(see_other("/ui/"));
    }
    let verb = if method == Method::HEAD { Method::GET } else { method.clone() };
    if let (&Method::GET, ["a", version, name]) = (&verb, path.as_slice()) {
        return Target::Answered(file(version, name));
    }
    let visitor = app.sessions.visitor(app, headers);
    if path == ["login"] {
        let handler: Handler = if verb == Method::POST { admin::login } else { admin::login_page };
        return Target::Found(handler, Vec::new(), visitor.caller());
    }
    let Some((role, handler)) = row(&verb, &path) else {
        let status = if verb == Method::GET { StatusCode::NOT_FOUND } else { StatusCode::METHOD_NOT_ALLOWED };
        return Target::Answered(failed(app, headers, status, "There is no such page."));
    };
    if visitor.is_stranger() {
        let login = if verb == Method::GET && path.first() != Some(&"data") {
            let next = uri.path_and_query().map_or("/ui/", |next| next.as_str());
            see_other(&format!("/ui/login?next={}", forms::encoded(next)))
        } else {
            failed(app, headers, StatusCode::UNAUTHORIZED, "Log in first: the session has ended.")
        };
        return Target::Answered(login);
    }
    if visitor.role() < Some(role) {
        let message = format!("This needs a token of the role {}.", role.as_str());
        return Target::Answered(failed(app, headers, StatusCode::FORBIDDEN, &message));
    }
    let values = path.iter().map(|text| Segment::Text((*text).to_owned())).collect();
    Target::Found(handler, values, visitor.caller())
}

/// A file of the pages. Its address changes with its content.
fn file(version: &str, name: &str) -> Answer {
    match asset::find(version, name) {
        Some(asset) => {
            Answer { media_type: asset.media_type, ..Answer::json_text(StatusCode::OK, asset.bytes.to_vec()) }
                .with_header("cache-control", "public, max-age=31536000, immutable".to_owned())
                .with_header("cross-origin-resource-policy", "same-origin".to_owned())
                .with_header(
                    "content-security-policy",
                    "default-src 'none'; style-src 'unsafe-inline'".to_owned(),
                )
        }
        None => Answer::empty(StatusCode::NOT_FOUND),
    }
}

/// What surrounds a page.
fn frame(app: &App, headers: &HeaderMap, here: Here, title: impl Into<String>) -> Frame {
    let visitor = app.sessions.visitor(app, headers);
    let role = visitor.role();
    Frame {
        title: title.into(),
        here,
        name: visitor.name().map(str::to_owned),
        role: role.map_or("", |role| role.as_str()),
        csrf: visitor.csrf().to_owned(),
        may_add: role >= Some(Role::Contributor),
        may_admin: role >= Some(Role::Admin),
        has_login: app.requires_token(),
        is_read_only: app.service.corpus.store().is_read_only(),
    }
}

/// A page with its headers.
fn page(page: &impl Template) -> Result<Answer, Answer> {
    match page.render() {
        Ok(html) => Ok(guarded(StatusCode::OK, html)),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Err(Answer::crashed())
        }
    }
}

fn guarded(status: StatusCode, html: String) -> Answer {
    Answer { media_type: "text/html; charset=utf-8", ..Answer::json_text(status, html.into_bytes()) }
        .with_header("content-security-policy", POLICY.to_owned())
        // With `no-referrer` browsers would send the origin `null` with forms, which is no page of this server.
        .with_header("referrer-policy", "same-origin".to_owned())
        .with_header("cross-origin-opener-policy", "same-origin".to_owned())
        .with_header("cross-origin-resource-policy", "same-origin".to_owned())
        .with_header("cache-control", "no-store".to_owned())
}

/// A page that says what went wrong; JSON for scripts.
fn failed(app: &App, headers: &HeaderMap, status: StatusCode, message: &str) -> Answer {
    if forms::wants_json(headers) {
        return Answer::json(status, &serde_json::json!({"message": message}))
            .with_header("cache-control", "no-store".to_owned());
    }
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::UNAUTHORIZED => "Log in first",
        StatusCode::SERVICE_UNAVAILABLE => "Not available",
        _ => "That did not work",
    };
    let frame = frame(app, headers, Here::Nowhere, title);
    let html = ErrorPage { frame, status: status.as_u16(), message: message.to_owned() }.render();
    guarded(status, html.unwrap_or_default())
}

/// The page for a record that is not there.
fn missing(app: &App, call: &Call, what: &str) -> Answer {
    failed(
        app,
        &call.headers,
        StatusCode::NOT_FOUND,
        &format!("There is no such {what}. It may have been deleted."),
    )
}

/// The page for a store that failed.
fn store_failed(app: &App, call: &Call, error: &StoreError) -> Answer {
    if let StoreError::QueueFull { .. } = error {
        return failed(app, &call.headers, StatusCode::TOO_MANY_REQUESTS, &format!("{error}."));
    }
    tracing::error!(%error, "the store failed");
    failed(
        app,
        &call.headers,
        StatusCode::SERVICE_UNAVAILABLE,
        "The store is not available, nothing was changed.",
    )
}
