//! Which requests a browser may bring: those for a host of this server, made by a page of this server.
//!
//! A browser sends requests for every page that is opened in it, from inside of the network that the person is in. Two
//! checks keep such pages out, with or without tokens:
//!
//! - `Host` (and the target, where it names a host) must be one of this server's. A page that lets its own name lead to
//!   this address (DNS rebinding) is a page of that name still, and is refused.
//! - `Sec-Fetch-Site` and `Origin` must not name another site. Browsers set both and pages cannot change them. Other
//!   clients send neither.
//!
//! Not here: what a request is for (`router`), who asks (`access`) and how often (`rate`). Specification: Fetch Metadata Request Headers (W3C), RFC 6454,
//! RFC 9110 section 7.2, RFC 9112 section 3.2.

use std::net::SocketAddr;

use http::request::Parts;
use http::{HeaderMap, StatusCode, Version, header};
use serde_json::json;

use crate::answer::Answer;
use crate::host::Host;
use crate::operation::Api;
use crate::router::Purpose;

/// Longest origin that a refusal repeats, in characters.
const MAX_SHOWN: usize = 300;

/// The hosts that are this server's.
#[derive(Debug)]
pub(crate) struct Site {
    /// The address it listens on.
    listening: Host,
    /// Every IP address is its own, because it listens on all.
    on_all: bool,
    names: Vec<Host>,
}

/// Why a request is refused.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// `Host` is missing, repeated or no host.
    Malformed(&'static str),
    /// It is for a host that is not this server's.
    Host(String),
    /// A page of another site sent it; its origin, where the browser names it.
    Page(Option<String>),
}

impl Refusal {
    /// The answer, in the shape of the API that the path belongs to.
    pub(crate) fn into_answer(self, api: Api) -> Answer {
        let (status, title, message) = match self {
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "400 Bad Request", why.to_owned()),
            Self::Host(host) => {
                let message = format!(
                    "This server does not answer for the host {host:?}. Start it with --host-name {host} if it is reached under that name."
                );
                (StatusCode::FORBIDDEN, "403 Forbidden", message)
            }
            Self::Page(origin) => {
                let whose = origin.map_or_else(String::new, |origin| format!(" ({origin})"));
                let message = format!(
                    "A page of another site{whose} sent this request. If it is a page of this server, start the server with --host-name and the name of its host."
                );
                (StatusCode::FORBIDDEN, "403 Forbidden", message)
            }
        };
        match api {
            Api::Triage => Answer::json(status, &json!({"detail": message})),
            Api::Mcrit => Answer::framework(status, title, Some(&message)),
        }
    }
}

impl Site {
    /// A server that listens on an address and is reached under further names.
    pub(crate) fn new(listening: SocketAddr, names: &[Host]) -> Self {
        let address = listening.ip();
        Self { listening: address.into(), on_all: address.is_unspecified(), names: names.to_vec() }
    }

    /// Refuses what a page of another site makes a browser send.
    pub(crate) fn check(&self, request: &Parts, purpose: Purpose) -> Result<(), Refusal> {
        let host = self.host(request)?;
        if purpose == Purpose::Page && is_visit(request) {
            return Ok(());
        }
        let origins = self.origins(&request.headers, host.as_ref())?;
        let mut from_own_site = true;
        for site in request.headers.get_all("sec-fetch-site") {
            match site.as_bytes() {
                // The page itself, or a person who typed the address.
                b"same-origin" | b"none" => {}
                b"same-site" => from_own_site &= origins > 0,
                _ => return Err(Refusal::Page(text_of(request.headers.get(header::ORIGIN)))),
            }
        }
        // Browsers name no origin when a page asks for an image or follows a link. A neighbour within the same site may
        // look, but not have work done.
        if !from_own_site && purpose == Purpose::Effects {
            return Err(Refusal::Page(None));
        }
        Ok(())
    }

    /// The host that a request is for. HTTP/1.0 has no need of one, and no browser speaks it.
    fn host(&self, request: &Parts) -> Result<Option<Host>, Refusal> {
        let mut stated = request.headers.get_all(header::HOST).iter();
        let (first, second) = (stated.next(), stated.next());
        if second.is_some() {
            return Err(Refusal::Malformed("There are several Host headers."));
        }
        if first.is_none() && request.version >= Version::HTTP_11 {
            return Err(Refusal::Malformed("There is no Host header."));
        }
        let header = match first {
            Some(value) => {
                Some(value.to_str().map_err(|_| Refusal::Malformed("The Host header names no host."))?)
            }
            None => None,
        };
        let target = request.uri.authority().map(http::uri::Authority::as_str);
        let mut host = None;
        for text in [header, target].into_iter().flatten() {
            let read =
                Host::of_authority(text).ok_or(Refusal::Malformed("The Host header names no host."))?;
            if !self.is_own(&read) {
                return Err(Refusal::Host(read.to_string()));
            }
            host = Some(read);
        }
        Ok(host)
    }

    /// Whether requests for a host are for this server.
    fn is_own(&self, host: &Host) -> bool {
        // An address in a URL is not looked up, so that nobody can let it lead elsewhere: a page of that address comes from
        // the machine that has it. Listening on all addresses, all are therefore as good as those of this machine.
        host.is_loopback() || self.is_named(host) || self.on_all && host.is_address()
    }

    fn is_named(&self, host: &Host) -> bool {
        *host == self.listening || self.names.contains(host)
    }

    /// The number of origins that a request names, all of them this server's; there is one at most in sound requests.
    fn origins(&self, headers: &HeaderMap, host: Option<&Host>) -> Result<usize, Refusal> {
        let mut count = 0;
        for value in headers.get_all(header::ORIGIN) {
            let origin = value.to_str().ok().and_then(host_of_origin);
            let is_own = origin.is_some_and(|origin| {
                let is_neighbour = host.is_some_and(|host| host.is_loopback() && origin.is_loopback());
                Some(&origin) == host || is_neighbour || self.is_named(&origin)
            });
            if !is_own {
                return Err(Refusal::Page(text_of(Some(value))));
            }
            count += 1;
        }
        Ok(count)
    }
}

/// The host of an origin. Pages without one (`null`: files, sandboxes) and of extensions have none.
fn host_of_origin(origin: &str) -> Option<Host> {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    Host::of_authority(authority)
}

fn text_of(value: Option<&http::HeaderValue>) -> Option<String> {
    Some(String::from_utf8_lossy(value?.as_bytes()).chars().take(MAX_SHOWN).collect())
}

/// Whether somebody follows a link. The page that holds the link learns nothing, and nothing happens.
fn is_visit(request: &Parts) -> bool {
    let is = |name: &str, expected: &str| {
        let mut values = request.headers.get_all(name).iter();
        values.next().is_some_and(|value| value == expected) && values.next().is_none()
    };
    is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn site(listening: &str, names: &[&str]) -> Site {
        let names: Vec<Host> = names.iter().map(|name| name.parse().unwrap()).collect();
        Site::new(listening.parse().unwrap(), &names)
    }

    fn check(site: &Site, target: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let (verb, target) = target.split_once(' ').unwrap();
        let mut request = Request::builder().method(verb).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let asked = crate::operations::router().find(&parts.method, parts.uri.path());
        site.check(&parts, asked.purpose).map_err(|refusal| refusal.into_answer(asked.api).status.as_u16())
    }

    #[test]
    fn hosts_are_this_servers_or_refused() {
        let (own, all) = (site("127.0.0.1:8000", &["Malkin.Example"]), site("0.0.0.0:8000", &[]));
        let lan = site("192.168.1.5:8000", &[]);
        for (site, host, expected) in [
            (&own, "127.0.0.1:8000", Ok(())),
            (&own, "127.8.8.8", Ok(())),
            (&own, "localhost", Ok(())),
            (&own, "a.localhost:1", Ok(())),
            (&own, "[::1]:8000", Ok(())),
            (&own, "malkin.example.:443", Ok(())),
            (&own, "evil.example", Err(403)),
            (&own, "malkin.example.evil.example", Err(403)),
            (&own, "localhost.evil.example", Err(403)),
            (&own, "127.0.0.1.evil.example", Err(403)),
            (&own, "203.0.113.7", Err(403)),
            (&own, "a b", Err(400)),
            (&own, "", Err(400)),
            (&all, "203.0.113.7:8000", Ok(())),
            (&all, "[2001:db8::1]:8000", Ok(())),
            (&all, "evil.example", Err(403)),
            (&all, "2130706433", Err(403)),
            (&lan, "192.168.1.5:8000", Ok(())),
            (&lan, "127.0.0.1", Ok(())),
            (&lan, "192.168.1.6", Err(403)),
        ] {
            assert_eq!(check(site, "GET /samples", &[("host", host)]), expected, "{host}");
            let target = format!("GET http://{host}/samples");
            if target.parse::<http::Uri>().is_ok() && !matches!(host, "" | "a b") {
                assert_eq!(check(site, &target, &[("host", "localhost")]), expected, "{target}");
            }
        }
        assert_eq!(check(&own, "GET /samples", &[]), Err(400));
        assert_eq!(check(&own, "GET /samples", &[("host", "localhost"), ("host", "localhost")]), Err(400));
        assert_eq!(check(&own, "GET http://localhost/samples", &[("host", "evil.example")]), Err(403));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let site = site("0.0.0.0:8000", &["malkin.example"]);
        const STATE: &str = "POST /respawn";
        for (target, host, headers, expected) in [
            (STATE, "localhost:8000", &[][..], Ok(())),
            (STATE, "localhost:8000", &[("sec-fetch-site", "same-origin")], Ok(())),
            (STATE, "localhost:8000", &[("sec-fetch-site", "none")], Ok(())),
            (STATE, "localhost:8000", &[("sec-fetch-site", "cross-site")], Err(403)),
            (STATE, "localhost:8000", &[("sec-fetch-site", "something-new")], Err(403)),
            (
                STATE,
                "localhost:8000",
                &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
                Err(403),
            ),
            (STATE, "localhost:8000", &[("origin", "http://localhost:8000")], Ok(())),
            (STATE, "localhost:8000", &[("origin", "http://127.0.0.1:3000")], Ok(())),
            (STATE, "localhost:8000", &[("origin", "http://evil.example")], Err(403)),
            (STATE, "localhost:8000", &[("origin", "null")], Err(403)),
            (STATE, "localhost:8000", &[("origin", "chrome-extension://localhost")], Err(403)),
            (STATE, "localhost:8000", &[("origin", "http://localhost"), ("origin", "null")], Err(403)),
            (STATE, "localhost:8000", &[("origin", "null"), ("sec-fetch-site", "none")], Err(403)),
            (STATE, "10.0.0.1:8000", &[("origin", "http://10.0.0.1:8000")], Ok(())),
            (STATE, "10.0.0.1:8000", &[("origin", "http://10.0.0.2:8000")], Err(403)),
            (STATE, "10.0.0.1:8000", &[("origin", "http://localhost:3000")], Err(403)),
            (STATE, "10.0.0.1:8000", &[("origin", "https://malkin.example")], Ok(())),
            (STATE, "malkin.example", &[("origin", "https://malkin.example")], Ok(())),
            (STATE, "malkin.example", &[("origin", "https://other.malkin.example")], Err(403)),
            (
                STATE,
                "malkin.example",
                &[("origin", "https://malkin.example"), ("sec-fetch-site", "same-site")],
                Ok(()),
            ),
            (
                STATE,
                "malkin.example",
                &[("origin", "https://a.example"), ("sec-fetch-site", "same-site")],
                Err(403),
            ),
            (STATE, "malkin.example", &[("sec-fetch-site", "same-site")], Err(403)),
            ("GET /rebuild_index", "malkin.example", &[("sec-fetch-site", "same-site")], Err(403)),
            ("GET /rebuild%5Findex", "malkin.example", &[("sec-fetch-site", "same-site")], Err(403)),
            ("GET //matches/sample/1/", "malkin.example", &[("sec-fetch-site", "same-site")], Err(403)),
            ("GET /samples", "malkin.example", &[("sec-fetch-site", "same-site")], Ok(())),
            ("GET /samples", "malkin.example", &[("sec-fetch-site", "cross-site")], Err(403)),
            ("GET /samples", "malkin.example", &[("origin", "http://evil.example")], Err(403)),
            ("OPTIONS /samples", "malkin.example", &[("origin", "http://evil.example")], Err(403)),
        ] {
            let headers = [&[("host", host)], headers].concat();
            assert_eq!(check(&site, target, &headers), expected, "{target} {headers:?}");
        }
    }

    #[test]
    fn links_lead_to_pages_and_nowhere_else() {
        let site = site("127.0.0.1:8000", &[]);
        let link = |target: &str, dest: &str| {
            let headers = [
                ("host", "localhost"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", dest),
            ];
            check(&site, target, &headers)
        };
        assert_eq!(link("GET /docs", "document"), Ok(()));
        for (target, dest) in [
            ("GET /docs", "iframe"),
            ("POST /docs", "document"),
            ("GET /samples", "document"),
            ("GET /rebuild_index", "document"),
            ("GET /export", "document"),
        ] {
            assert_eq!(link(target, dest), Err(403), "{target} {dest}");
        }
    }

    #[test]
    fn refusals_name_the_option() {
        for (refusal, api) in
            [(Refusal::Host("a.example".to_owned()), Api::Mcrit), (Refusal::Page(None), Api::Triage)]
        {
            let answer = refusal.into_answer(api);
            let crate::answer::Payload::Bytes(body) = answer.body else { panic!("a text") };
            assert!(String::from_utf8(body).unwrap().contains("--host-name"));
        }
    }
}
