//! What all requests share, and what a handler is.
//!
//! Not here: how a request reaches its handler (`server`).

mod sessions;

use std::sync::Arc;
use std::time::Instant;

use malkin_service::ResultTables;

use crate::answer::Answer;
use crate::call::Call;
use crate::delivery::{Delivery, LIMITS};
use crate::host::Host;
use crate::listen::DEFAULT_CONNECTIONS_PER_ADDRESS;
use crate::operation;
use crate::rate::{Client, Limiter};
use crate::readiness::Readiness;
use crate::requests::Requests;
use crate::router::Router;
use sessions::Sessions;

/// A handler: from a call to an answer; the error is an answer too, for early returns.
pub(crate) type Handler = fn(&App, &Call) -> Result<Answer, Answer>;

/// An operation of the server.
pub(crate) type Operation = operation::Operation<Handler>;

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
    /// How answers are sent.
    pub(crate) delivery: Delivery,
    /// All operations.
    pub(crate) router: Router<Handler>,
    /// Sessions of the pages.
    pub(crate) sessions: Sessions,
    /// Results as tables, for the pages.
    pub(crate) tables: ResultTables,
    limiter: Limiter,
    settings: Settings,
}

impl App {
    /// Serves this with these operations.
    pub(crate) fn new(
        service: Arc<malkin_service::App>,
        router: Router<Handler>,
        settings: Settings,
    ) -> Self {
        Self {
            service,
            requests: Requests::default(),
            readiness: Readiness::default(),
            delivery: Delivery::new(LIMITS),
            router,
            sessions: Sessions::default(),
            tables: ResultTables::default(),
            limiter: Limiter::new(settings.rate_limit),
            settings,
        }
    }

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
