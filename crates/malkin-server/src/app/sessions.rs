//! Sessions: a token that was entered once becomes a cookie. What is kept of it here is a hash, in memory only, for 12 hours.
//!
//! A session ends when its token is revoked: name and creation of the token are looked up on every request. On a server that
//! never had tokens everybody is an administrator and needs no session.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use malkin_service::Role;
use malkin_store::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::App;
use crate::caller::Caller;

/// Name of the cookie.
const COOKIE: &str = "malkin_session";
/// How long a session lasts.
const LASTS: Duration = Duration::from_hours(12);
/// Most sessions; the oldest goes.
const MOST: usize = 10_000;
/// Random bytes of a session and of a token against forgery.
const SECRET: usize = 32;

/// The token against forgery of a server without sessions: pages of other sites cannot read it.
static OPEN_CSRF: LazyLock<String> = LazyLock::new(|| random().unwrap_or_default());

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_hash: Mutex<HashMap<[u8; 32], Session>>,
}

#[derive(Clone, Debug)]
struct Session {
    holder: Holder,
    csrf: String,
    begun: Instant,
}

/// Whose session it is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Holder {
    /// Of the token that the server was started with, whose hash this is.
    Configured([u8; 32]),
    /// Of a named token, made at a moment.
    Named(String, Timestamp),
}

/// Who looks at a page.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    caller: Option<Caller>,
    csrf: String,
}

impl Visitor {
    /// Whether nobody is logged in.
    pub(crate) fn is_stranger(&self) -> bool {
        self.caller.is_none()
    }

    /// What they may do.
    pub(crate) fn role(&self) -> Option<Role> {
        self.caller.as_ref().map(|caller| caller.role)
    }

    /// Name of their token.
    pub(crate) fn name(&self) -> Option<&str> {
        self.caller.as_ref()?.name.as_deref()
    }

    /// What their forms carry.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// In whose name handlers work.
    pub(crate) fn caller(&self) -> Caller {
        self.caller.clone().unwrap_or_else(Caller::anybody)
    }
}

/// Hexadecimal digits of random bytes; none if the system has none.
fn random() -> Option<String> {
    let mut bytes = [0; SECRET];
    getrandom::fill(&mut bytes).ok()?;
    let mut text = String::with_capacity(2 * SECRET);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The value of our cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

impl Sessions {
    /// Who sends a request.
    pub(crate) fn visitor(&self, app: &App, headers: &HeaderMap) -> Visitor {
        if !app.requires_token() {
            let caller = Caller { name: None, role: Role::Admin, has_master: false };
            return Visitor { caller: Some(caller), csrf: OPEN_CSRF.clone() };
        }
        let session = cookie(headers).and_then(|value| {
            let sessions = self.by_hash.lock();
            sessions.get(&hash(value.as_bytes())).filter(|session| session.begun.elapsed() < LASTS).cloned()
        });
        let caller = session.as_ref().and_then(|session| match &session.holder {
            Holder::Configured(known) => {
                let configured = app.configured_token()?;
                let is_same = bool::from(hash(configured.as_bytes()).ct_eq(known));
                is_same.then_some(Caller { name: None, role: Role::Admin, has_master: true })
            }
            Holder::Named(name, made) => {
                let tokens = app.service.tokens.all();
                let token =
                    tokens.into_iter().find(|token| token.name == *name && token.created_at == *made)?;
                Some(Caller { name: Some(token.name), role: token.role, has_master: false })
            }
        });
        let csrf = session.filter(|_| caller.is_some()).map(|session| session.csrf).unwrap_or_default();
        Visitor { caller, csrf }
    }

    /// Begins a session for a token. Returns the value of the header `Set-Cookie`; none if the token is not valid.
    pub(crate) fn begin(&self, app: &App, token: &str, is_encrypted: bool) -> Option<String> {
        let token = token.trim().as_bytes();
        let configured = app.configured_token().map(str::as_bytes);
        let holder = if configured.is_some_and(|expected| bool::from(token.ct_eq(expected))) {
            Holder::Configured(hash(token))
        } else {
            let (name, _) = app.service.tokens.holder(token)?;
            let known = app.service.tokens.all().into_iter().find(|known| known.name == name)?;
            Holder::Named(name, known.created_at)
        };
        let (value, csrf) = (random()?, random()?);
        let mut sessions = self.by_hash.lock();
        sessions.retain(|_, session| session.begun.elapsed() < LASTS);
        if sessions.len() >= MOST
            && let Some(oldest) =
                sessions.iter().min_by_key(|(_, session)| session.begun).map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(hash(value.as_bytes()), Session { holder, csrf, begun: Instant::now() });
        drop(sessions);
        let secure = if is_encrypted { "; Secure" } else { "" };
        let seconds = LASTS.as_secs();
        Some(format!("{COOKIE}={value}; Path=/ui; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"))
    }

    /// Ends a session. Returns the value of the header `Set-Cookie`.
    pub(crate) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(value) = cookie(headers) {
            self.by_hash.lock().remove(&hash(value.as_bytes()));
        }
        format!("{COOKIE}=; Path=/ui; HttpOnly; SameSite=Lax; Max-Age=0")
    }

    /// Whether a form carries the token of its session.
    pub(crate) fn is_genuine(&self, app: &App, headers: &HeaderMap, given: &str) -> bool {
        let expected = self.visitor(app, headers).csrf;
        !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers), None);
        headers.append(header::COOKIE, "a=b; malkin_session=12ab; c=d".parse().unwrap());
        assert_eq!(cookie(&headers), Some("12ab"));
        headers.insert(header::COOKIE, "xmalkin_session=1".parse().unwrap());
        assert_eq!(cookie(&headers), None);
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert!(one.len() == 64 && one != other);
    }
}
