//! Forms of the pages: reading them, and refusing those that no page of ours has sent.

use std::collections::HashMap;
use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::{failed, see_other};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::query::Query;
use crate::triage::{Field, read_form};

/// Fields of a form.
#[derive(Debug, Default)]
pub(super) struct Form {
    texts: HashMap<String, String>,
    files: HashMap<String, (String, Bytes)>,
}

impl Form {
    /// A text, empty if it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// Whether a box is ticked. There is one spelling, ours.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// A file with its name.
    pub(super) fn file(&self, name: &str) -> Option<(&str, &Bytes)> {
        self.files.get(name).map(|(name, bytes)| (name.as_str(), bytes))
    }
}

/// Reads a form of our pages. One without the token of its session is refused.
pub(super) fn read(app: &App, call: &Call) -> Result<Form, Answer> {
    let form = read_any(app, call)?;
    if app.sessions.is_genuine(app, &call.headers, form.text("csrf")) {
        return Ok(form);
    }
    Err(failed(
        app,
        &call.headers,
        StatusCode::FORBIDDEN,
        "This form is out of date. Reload the page and send it again.",
    ))
}

/// Reads a form, whoever sent it.
pub(super) fn read_any(app: &App, call: &Call) -> Result<Form, Answer> {
    let declared =
        call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut form = Form::default();
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => {
            let query = Query::parse(&String::from_utf8_lossy(&call.body));
            for name in query.names() {
                form.texts.insert(name.to_owned(), query.last(name).unwrap_or_default().to_owned());
            }
        }
        "multipart/form-data" => {
            let fields = read_form(declared, &call.body)
                .map_err(|cause| failed(app, &call.headers, StatusCode::BAD_REQUEST, &cause))?;
            for (name, field) in fields {
                match field {
                    Field::Text(text) => drop(form.texts.insert(name, text)),
                    Field::File(file, bytes) => drop(form.files.insert(name, (file, bytes))),
                }
            }
        }
        _ => return Err(failed(app, &call.headers, StatusCode::UNSUPPORTED_MEDIA_TYPE, "This is no form.")),
    }
    Ok(form)
}

/// Whether a script asks, which reads JSON.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|value| value == "application/json")
}

/// Where to go after a form: a redirect for browsers, the address for scripts.
pub(super) fn then(call: &Call, path: &str) -> Answer {
    if wants_json(&call.headers) {
        return Answer::json(StatusCode::OK, &serde_json::json!({"location": path}));
    }
    see_other(path)
}

/// A text inside of an address.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A path of our pages, and nothing else: what a link says where to go after the login must not lead elsewhere.
pub(super) fn own_path(next: &str) -> &str {
    let is_own = next == "/ui" || next.starts_with("/ui/");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && !next.contains("//");
    if is_own && is_plain { next } else { "/ui/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_after_the_login_stays_here() {
        for (next, path) in [
            ("/ui/results/1?a=b#c", "/ui/results/1?a=b#c"),
            ("", "/ui/"),
            ("https://evil.example/", "/ui/"),
            ("//evil.example", "/ui/"),
            ("/ui//evil.example", "/ui/"),
            ("/ui/\\evil", "/ui/"),
            ("/ui/\r\nSet-Cookie: a", "/ui/"),
            ("/samples", "/ui/"),
        ] {
            assert_eq!(own_path(next), path);
        }
        assert_eq!(encoded("/ui/a?b=c d&e"), "/ui/a%3Fb%3Dc%20d%26e");
    }
}
