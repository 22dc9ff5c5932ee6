//! Routes by which a server is watched: they answer whatever else it is doing.
//!
//! `/healthz` says that the process answers, `/readyz` that the store takes writes. Both are open without a token and say
//! no more than that, so that a load balancer needs none, and neither is counted by the limiter.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::json;

use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::route::percent_decode;

/// A write is tried again after this time at the earliest, however often the question is asked.
const FRESH: Duration = Duration::from_secs(2);
/// A write that takes longer counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Segments of a path as it was sent, decoded, without empty ones at its ends.
fn segments(path: &str) -> Vec<String> {
    percent_decode(path).trim_matches('/').split('/').map(str::to_owned).collect()
}

/// Whether a request is answered without a token.
pub(crate) fn is_open(method: &Method, path: &str) -> bool {
    let is_read = method == Method::GET || method == Method::HEAD;
    is_read && matches!(segments(path).as_slice(), [only] if only == "healthz" || only == "readyz")
}

/// Whether the handler does next to nothing, so that it need not wait for one of the threads on which handlers block.
pub(crate) fn is_light(path: &str) -> bool {
    matches!(segments(path).as_slice(), [only] if matches!(only.as_str(), "" | "version" | "healthz"))
}

/// Whether the handler may hold its thread for many seconds: it examines a file or waits for providers.
pub(crate) fn is_slow(path: &str) -> bool {
    matches!(segments(path).as_slice(),
        [first, second] if matches!((first.as_str(), second.as_str()), ("analyze", "upload") | ("ti", "hash")))
}

/// Slow handlers at the same time; further ones wait without a thread.
pub(crate) const SLOW_HANDLERS: usize = 64;
/// Other handlers at the same time. The allocator reserves about 10 MiB of address space for each thread that reads the store
/// (measured: 107 such threads took 1 GiB, of which 0.2 GiB were used), and a server that was given 2 GiB has room for these.
pub(crate) const QUICK_HANDLERS: usize = 24;
/// Threads that may block: those of handlers, and some for pieces of answers.
pub const BLOCKING_THREADS: usize = SLOW_HANDLERS + QUICK_HANDLERS + 24;

/// The verb by which a route is found: HEAD is answered as GET without a body where MCRIT has no say. There it is a wrong verb, and
/// clients see that.
pub(crate) fn verb(method: &Method, path: &str) -> Method {
    let is_ours = matches!(segments(path).as_slice(),
        [only] if matches!(only.as_str(), "healthz" | "readyz" | "metrics" | "docs" | "openapi.json"));
    if is_ours && method == Method::HEAD { Method::GET } else { method.clone() }
}

/// Whether the store takes writes, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    /// Held while a write is tried.
    trying: Mutex<()>,
    last: Mutex<Last>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    begun: Option<Instant>,
    ended: Option<(Instant, bool)>,
}

impl Readiness {
    /// Tries a write, unless one was tried just now or is being tried.
    fn ask(&self, try_write: impl FnOnce() -> bool) -> bool {
        let fresh =
            |last: Last| last.ended.filter(|(at, _)| at.elapsed() < FRESH).map(|(_, outcome)| outcome);
        if let Some(outcome) = fresh(*self.last.lock()) {
            return outcome;
        }
        let Some(_trying) = self.trying.try_lock() else {
            // Another thread is trying; until it is done, the last outcome counts.
            let last = *self.last.lock();
            let is_late = last.begun.is_none_or(|begun| begun.elapsed() >= PATIENCE);
            return !is_late && last.ended.is_none_or(|(_, outcome)| outcome);
        };
        if let Some(outcome) = fresh(*self.last.lock()) {
            return outcome;
        }
        self.last.lock().begun = Some(Instant::now());
        let started = Instant::now();
        let outcome = try_write() && started.elapsed() < PATIENCE;
        self.last.lock().ended = Some((Instant::now(), outcome));
        outcome
    }
}

/// `GET /readyz`: whether the store takes writes.
pub(crate) fn readyz(app: &App, _: &Call) -> Result<Answer, Answer> {
    let is_ready = app.readiness.ask(|| match app.service.corpus.store().try_write() {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "the store takes no writes");
            false
        }
    });
    if is_ready {
        return Ok(Answer::json(StatusCode::OK, &json!({"status": "ready"})));
    }
    Err(Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "not ready"})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_light_and_head_are_what_they_say() {
        for path in ["/healthz", "/readyz", "/readyz/", "/%68ealthz"] {
            assert!(is_open(&Method::GET, path) && is_open(&Method::HEAD, path), "{path}");
            assert!(!is_open(&Method::POST, path) && !is_open(&Method::DELETE, path), "{path}");
        }
        for path in ["/", "/version", "/healthz/x", "/samples", "/metrics"] {
            assert!(!is_open(&Method::GET, path), "{path}");
        }
        assert!(is_light("/") && is_light("/version/") && !is_light("/readyz") && !is_light("/status"));
        assert!(is_slow("/analyze/upload/") && is_slow("/ti/hash") && !is_slow("/analyses"));
        assert_eq!(verb(&Method::HEAD, "/docs"), Method::GET);
        assert_eq!(verb(&Method::HEAD, "/version"), Method::HEAD);
        assert_eq!(verb(&Method::POST, "/docs"), Method::POST);
    }

    #[test]
    fn writes_are_tried_once_and_failures_are_found() {
        let readiness = Readiness::default();
        assert!(!readiness.ask(|| false));
        assert!(!readiness.ask(|| panic!("one was tried just now")));
        readiness.last.lock().ended = None;
        assert!(readiness.ask(|| {
            assert!(readiness.ask(|| panic!("one is being tried")), "nothing speaks against it");
            readiness.last.lock().begun = Instant::now().checked_sub(PATIENCE);
            assert!(!readiness.ask(|| panic!("one is being tried")), "it takes too long");
            true
        }));
    }
}
