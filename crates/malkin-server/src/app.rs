//! The server: reads a request within its limits, refuses what pages of other sites send, recognises who asks, finds the
//! route and runs its handler on a blocking thread. Handlers are plain functions from a call to an answer.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use malkin_service::working_for;
use tokio::sync::Semaphore;

use crate::access::{self, Caller};
use crate::answer::Answer;
use crate::api;
use crate::call::Call;
use crate::control::{self, Readiness};
use crate::delivery::{Delivery, LIMITS};
use crate::head;
use crate::host::Host;
use crate::intake::{self, Intake, Taken};
use crate::listen::{self, Bounds, DEFAULT_CONNECTIONS_PER_ADDRESS};
use crate::metrics::Requests;
use crate::query::Query;
use crate::rate::{Client, Limiter};
use crate::route::{Segment, Target, find};
use crate::site::Site;
use crate::triage;
use crate::ui::{self, Ui};

/// Largest body taken in unless configured otherwise, in bytes.
pub const DEFAULT_BODY_LIMIT: usize = 256 << 20;

/// What a server is started with.
#[derive(Clone)]
pub struct Settings {
    /// A token that may do everything, in the header `apitoken`; none if empty. Without it and without named tokens everybody may.
    pub token: Option<String>,
    /// Largest body in bytes.
    pub body_limit: usize,
    /// Requests a second for each named token or address, twice as many at once; no limit without.
    pub rate_limit: Option<u32>,
    /// Connections from one address at the same time.
    pub connections_per_address: usize,
    /// Hosts under which the server is reached, beside loopback and the address it listens on.
    pub host_names: Vec<Host>,
    /// Whether the pages below `/ui/` are served.
    pub has_pages: bool,
    /// The server stands in for the original triage service: unknown paths are answered in that service's words.
    pub stands_in_for_triage: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token: None,
            body_limit: DEFAULT_BODY_LIMIT,
            rate_limit: None,
            connections_per_address: DEFAULT_CONNECTIONS_PER_ADDRESS,
            host_names: Vec::new(),
            has_pages: true,
            stands_in_for_triage: false,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "<secret>");
        f.debug_struct("Settings")
            .field("token", &token)
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
}

/// State shared by all requests.
#[derive(Debug)]
pub(crate) struct App {
    /// What is served: corpus, jobs, triage and tokens.
    pub(crate) service: Arc<malkin_service::App>,
    /// Counters of requests.
    pub(crate) requests: Requests,
    /// Whether the store takes writes.
    pub(crate) readiness: Readiness,
    settings: Settings,
    site: Site,
    intake: Intake,
    limiter: Limiter,
    /// What the pages keep.
    pub(crate) ui: Ui,
    /// How answers are sent.
    pub(crate) delivery: Delivery,
    /// Seats for handlers that take long and for all others.
    slow_handlers: Arc<Semaphore>,
    quick_handlers: Arc<Semaphore>,
}

impl App {
    /// What the server was started with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The token that the server was started with.
    pub(crate) fn configured_token(&self) -> Option<&str> {
        self.settings.token.as_deref().filter(|token| !token.is_empty())
    }

    /// Counts a request of a client, or refuses it.
    pub(crate) fn limit(&self, client: Client, now: Instant) -> Result<(), Answer> {
        self.limiter.count(client, now).map_err(Answer::too_many)
    }

    /// Whether requests need a token.
    pub(crate) fn requires_token(&self) -> bool {
        self.configured_token().is_some() || self.service.tokens.are_required()
    }
}

/// A handler: from a call to an answer; the error is an answer too, for early returns.
pub(crate) type Handler = fn(&App, &Call) -> Result<Answer, Answer>;

/// Serves until `shutdown` completes, then lets running requests end.
pub async fn serve(
    listener: tokio::net::TcpListener,
    service: Arc<malkin_service::App>,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let intake = Intake::new(settings.body_limit);
    let limiter = Limiter::new(settings.rate_limit);
    let delivery = Delivery::new(LIMITS);
    let site = Site::new(listener.local_addr()?, &settings.host_names);
    let bounds = Bounds::new(settings.connections_per_address);
    let (requests, readiness) = (Requests::default(), Readiness::default());
    let app = Arc::new(App {
        service,
        requests,
        readiness,
        settings,
        site,
        intake,
        limiter,
        ui: Ui::default(),
        delivery,
        slow_handlers: Arc::new(Semaphore::new(control::SLOW_HANDLERS)),
        quick_handlers: Arc::new(Semaphore::new(control::QUICK_HANDLERS)),
    });
    listen::run(bounds, listener, move |request, peer| respond(Arc::clone(&app), request, peer), shutdown)
        .await;
    Ok(())
}

async fn respond(app: Arc<App>, request: Request, peer: SocketAddr) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = match handle(Arc::clone(&app), request, peer).await {
        Ok(answer) | Err(answer) => answer,
    };
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

async fn handle(app: Arc<App>, request: Request, peer: SocketAddr) -> Result<Answer, Answer> {
    let (parts, body) = request.into_parts();
    let waits = head::waits_to_send(&parts.headers);
    let (caller, (handler, path)) = match destination(&app, &parts, peer) {
        Ok(destination) => destination,
        Err(answer) => {
            intake::refuse(body, waits);
            return Err(answer);
        }
    };
    let Taken { bytes: body, room } = app.intake.take(body, waits).await?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let call = Call { path, query, headers: parts.headers, body, caller, peer: peer.ip() };
    let is_slow = control::is_slow(parts.uri.path());
    let seats = Arc::clone(if is_slow { &app.slow_handlers } else { &app.quick_handlers });
    let run = move || {
        // A client that goes away does not end the handler: the room is taken until the body is free.
        let _room = room;
        let author = call.caller.name.as_deref().unwrap_or_default();
        std::panic::catch_unwind(AssertUnwindSafe(|| {
            working_for(author, Some(peer.ip()), || handler(&app, &call))
        }))
        .unwrap_or_else(|_| Err(Answer::crashed()))
    };
    if control::is_light(parts.uri.path()) {
        return run();
    }
    // Held until the handler ends. A semaphore that is never closed always gives its seat.
    let _seat = seats.acquire_owned().await.ok();
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| Err(Answer::crashed()))
}

/// Who asks, and where the request is to go; or the answer it gets without its body being looked at.
fn destination(
    app: &App,
    parts: &axum::http::request::Parts,
    peer: SocketAddr,
) -> Result<(Caller, (Handler, Vec<Segment>)), Answer> {
    let path = parts.uri.path();
    head::check_encoding(&parts.headers)?;
    app.site.check(parts).map_err(|refusal| refusal.into_answer(path))?;
    if app.settings.has_pages {
        if ui::wants_pages(&parts.method, &parts.uri, &parts.headers) {
            return Err(ui::to_pages());
        }
        if ui::is_own(path) {
            app.limit(Client::Address(peer.ip()), Instant::now())?;
            return match ui::find(app, &parts.method, &parts.uri, &parts.headers) {
                ui::Target::Found(handler, path, caller) => Ok((caller, (handler, path))),
                ui::Target::Answered(answer) => Err(answer),
            };
        }
    }
    let caller = if control::is_open(&parts.method, path) {
        Caller::anybody()
    } else {
        let caller = access::caller(app, &parts.headers);
        // Requests without a valid token count as well, so that tokens cannot be guessed at any speed.
        let client = Caller::counted_as(caller.as_ref(), peer.ip());
        app.limiter.count(client, Instant::now()).map_err(Answer::too_many)?;
        caller?
    };
    let method = control::verb(&parts.method, path);
    match triage::find(&method, &parts.uri, app.settings.stands_in_for_triage) {
        Some(triage::Target::Found(handler, path, role)) => {
            access::check(&caller, role, true)?;
            return Ok((caller, (handler, path)));
        }
        Some(triage::Target::Answered(answer)) => return Err(answer),
        None => {}
    }
    match find(api::ROUTES, &method, path) {
        Target::Found(route, handler, path) => {
            access::check(&caller, access::required_for(method.as_str(), route.pattern), false)?;
            Ok((caller, (*handler, path)))
        }
        Target::Options(allow) => Err(Answer::options(&allow)),
        Target::WrongVerb(allow) => Err(Answer::method_not_allowed(&allow)),
        Target::Nothing => Err(Answer::not_found()),
    }
}

#[cfg(test)]
mod tests;
