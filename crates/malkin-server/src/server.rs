//! The server: reads a request within its limits, refuses what pages of other sites send, recognises who asks, finds the
//! operation and runs its handler in its lane. Handlers are plain functions from a call to an answer.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use malkin_service::working_for;
use serde_json::json;

use crate::access;
use crate::answer::Answer;
use crate::app::{App, Handler, Settings};
use crate::body::Body;
use crate::call::Call;
use crate::caller::Caller;
use crate::head;
use crate::intake::{self, Intake, Taken};
use crate::lane::{Lane, Lanes};
use crate::listen::{self, Bounds};
use crate::operation::Api;
use crate::operations;
use crate::path::Segment;
use crate::query::Query;
use crate::rate::Client;
use crate::router::Target;
use crate::site::Site;
use crate::triage::detail;
use crate::ui;

/// What handlers see, and what requests pass before they reach one.
#[derive(Debug)]
struct Server {
    app: Arc<App>,
    site: Site,
    intake: Intake,
    lanes: Lanes,
}

/// Serves until `shutdown` completes, then lets running requests end.
pub async fn serve(
    listener: tokio::net::TcpListener,
    service: Arc<malkin_service::App>,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let bounds = Bounds::new(settings.connections_per_address);
    let server = Arc::new(Server {
        site: Site::new(listener.local_addr()?, &settings.host_names),
        intake: Intake::new(settings.body_limit),
        lanes: Lanes::default(),
        app: Arc::new(App::new(service, operations::router(), settings)),
    });
    let respond = move |request, peer| respond(Arc::clone(&server), request, peer);
    listen::run(bounds, listener, respond, shutdown).await;
    Ok(())
}

async fn respond(server: Arc<Server>, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = match handle(&server, request, peer).await {
        Ok(answer) | Err(answer) => answer,
    };
    let app = &server.app;
    let (answer, body) = app.delivery.deliver(answer, peer.ip()).await;
    let took = started.elapsed();
    app.requests.note(answer.status, took);
    tracing::debug!(%method, path, status = answer.status.as_u16(), took_us = took.as_micros() as u64, "answered");
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.media_type));
    // What clients sent in is part of answers: no browser is to guess that it is a page.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn handle(server: &Server, request: Request<Body>, peer: SocketAddr) -> Result<Answer, Answer> {
    let (parts, body) = request.into_parts();
    let waits = head::waits_to_send(&parts.headers);
    let Destination { caller, handler, lane, path } = match destination(server, &parts, peer) {
        Ok(destination) => destination,
        Err(answer) => {
            intake::refuse(body, waits);
            return Err(answer);
        }
    };
    let Taken { bytes: body, room } = server.intake.take(body, waits).await?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let call = Call { path, query, headers: parts.headers, body, caller, peer: peer.ip() };
    let app = Arc::clone(&server.app);
    let run = move || {
        // A client that goes away does not end the handler: the room is taken until the body is free.
        let _room = room;
        let author = call.caller.name.as_deref().unwrap_or_default();
        std::panic::catch_unwind(AssertUnwindSafe(|| {
            working_for(author, Some(peer.ip()), || handler(&app, &call))
        }))
        .unwrap_or_else(|_| Err(Answer::crashed()))
    };
    let Some(seats) = server.lanes.seats(lane) else { return run() };
    // Held until the handler ends. A semaphore that is never closed always gives its seat.
    let _seat = seats.acquire_owned().await.ok();
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| Err(Answer::crashed()))
}

/// Who asks for what.
struct Destination {
    caller: Caller,
    handler: Handler,
    lane: Lane,
    path: Vec<Segment>,
}

/// Where a request is to go; or the answer it gets without its body being looked at. The order of refusals is part of what
/// clients see: encoding, site, token and rate, path and verb, role. Pages recognise their visitors by a cookie.
fn destination(server: &Server, parts: &Parts, peer: SocketAddr) -> Result<Destination, Answer> {
    let app = &server.app;
    let asked = app.router.find(&parts.method, parts.uri.path());
    head::check_encoding(&parts.headers)?;
    let purpose = ui::purpose(&parts.method, parts.uri.path()).unwrap_or(asked.purpose);
    server.site.check(parts, purpose).map_err(|refusal| refusal.into_answer(asked.api))?;
    if app.settings().has_pages {
        if ui::wants_pages(&parts.method, &parts.uri, &parts.headers) {
            return Err(ui::to_pages());
        }
        if ui::is_own(parts.uri.path()) {
            return page(app, parts, peer);
        }
    }
    let caller = if asked.is_open {
        Caller::anybody()
    } else {
        let caller = access::caller(app, &parts.headers);
        // Requests without a valid token count as well, so that tokens cannot be guessed at any speed.
        let client = Caller::counted_as(caller.as_ref(), peer.ip());
        app.limit(client, Instant::now())?;
        caller?
    };
    match asked.target {
        Target::Found(operation, path) => {
            access::check(&caller, operation.role, operation.api)?;
            Ok(Destination { caller, handler: operation.handler, lane: operation.lane, path })
        }
        Target::Moved => Err(moved(&parts.uri)),
        Target::Options(allow) => Err(Answer::options(&allow)),
        Target::WrongVerb(allow) => Err(wrong_verb(asked.api, &allow)),
        Target::Unknown => Err(unknown(asked.api, app.settings().stands_in_for_triage)),
    }
}

/// Where a request for a page is to go.
fn page(app: &App, parts: &Parts, peer: SocketAddr) -> Result<Destination, Answer> {
    app.limit(Client::Address(peer.ip()), Instant::now())?;
    match ui::find(app, &parts.method, &parts.uri, &parts.headers) {
        ui::Target::Found(handler, path, caller) => {
            Ok(Destination { caller, handler, lane: Lane::Quick, path })
        }
        ui::Target::Answered(answer) => Err(answer),
    }
}

/// A trailing slash too many.
fn moved(uri: &Uri) -> Answer {
    let path = uri.path();
    // An escaped slash counts like any other.
    let path = path.strip_suffix('/').or_else(|| path.get(..path.len().checked_sub(3)?)).unwrap_or(path);
    let location = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    Answer::empty(StatusCode::TEMPORARY_REDIRECT).with_header("location", location)
}

fn wrong_verb(api: Api, allow: &str) -> Answer {
    match api {
        Api::Mcrit => Answer::method_not_allowed(allow),
        Api::Triage => detail(StatusCode::METHOD_NOT_ALLOWED, &json!("Method Not Allowed"))
            .with_header("allow", allow.to_owned()),
    }
}

fn unknown(api: Api, stands_in_for_triage: bool) -> Answer {
    if api == Api::Triage || stands_in_for_triage {
        detail(StatusCode::NOT_FOUND, &json!("Not Found"))
    } else {
        Answer::not_found()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_leads_to_the_path_without_it() {
        for (from, to) in [
            ("/analyses/", "/analyses"),
            ("/analyses/?page=2", "/analyses?page=2"),
            ("/analyses%2F?page=2", "/analyses?page=2"),
            ("/analyses/sha256/", "/analyses/sha256"),
        ] {
            let answer = moved(&from.parse().unwrap());
            assert_eq!(answer.headers, [("location", to.to_owned())], "{from}");
        }
    }

    #[test]
    fn unknown_paths_have_the_words_of_their_api() {
        let text = |answer: Answer| match answer.body {
            crate::answer::Payload::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(unknown(Api::Mcrit, false)), r#"{"title":"404 Not Found"}"#);
        assert_eq!(text(unknown(Api::Mcrit, true)), r#"{"detail":"Not Found"}"#);
        assert_eq!(text(unknown(Api::Triage, false)), r#"{"detail":"Not Found"}"#);
    }
}
