//! What goes back to a client: MCRIT's envelope for whatever a handler decides, and its framework's plain bodies for what
//! never reaches one (`docs/reference/mcrit-api.md` 1.2).

mod pieces;

use std::fmt;

use http::StatusCode;
use serde_json::{Value, json};

use crate::body::Body;
pub(crate) use pieces::{Framed, FromFn, Pieces};

/// An answer: status, body, further headers. The content type is JSON unless it says otherwise.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Body, possibly empty.
    pub(crate) body: Payload,
    /// Media type of the body.
    pub(crate) media_type: &'static str,
    /// Further headers.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// The media type of nearly everything.
const JSON: &str = "application/json";

/// What is sent.
pub(crate) enum Payload {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is made piece by piece while it is sent.
    Pieces(Box<dyn Pieces>),
    /// What is made when there is room for it.
    Later(Later),
    /// Events, sent as they happen.
    Events(Box<dyn FnOnce() -> Body + Send>),
}

/// An answer whose size is known before it is made.
pub(crate) struct Later {
    /// Most memory that making it takes, in bytes.
    pub(crate) size: usize,
    /// Makes it, on a blocking thread.
    pub(crate) make: Box<dyn FnOnce() -> Result<Answer, Answer> + Send>,
}

impl Default for Payload {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Pieces(_) => f.write_str("pieces"),
            Self::Later(later) => write!(f, "{} bytes later", later.size),
            Self::Events(_) => f.write_str("events"),
        }
    }
}

/// What stands before a payload that is JSON text already, and what after it.
const SUCCESS: (&[u8], &[u8]) = (br#"{"status": "successful", "data": "#, b"}");

impl Answer {
    fn new(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, body: Payload::Bytes(body), media_type: JSON, headers: Vec::new() }
    }

    /// Success with a payload.
    pub(crate) fn data(payload: &Value) -> Self {
        Self::raw_data(&serde_json::to_vec(payload).unwrap_or_default())
    }

    /// Success with a payload that is JSON text already: results are served as they were stored.
    pub(crate) fn raw_data(payload: &[u8]) -> Self {
        let (head, tail) = SUCCESS;
        let mut body = Vec::with_capacity(head.len() + payload.len() + tail.len());
        body.extend_from_slice(head);
        body.extend_from_slice(payload);
        body.extend_from_slice(tail);
        Self::new(StatusCode::OK, body)
    }

    /// Success with a payload that is made piece by piece, between a beginning and an end.
    pub(crate) fn pieces(head: &[u8], pieces: impl Pieces, tail: &[u8]) -> Self {
        let (head, tail) = ([SUCCESS.0, head].concat(), [tail, SUCCESS.1].concat());
        let pieces: Box<dyn Pieces> = Box::new(Framed { head, pieces, tail });
        Self { body: Payload::Pieces(pieces), ..Self::new(StatusCode::OK, Vec::new()) }
    }

    /// A file that is made piece by piece, without an envelope.
    pub(crate) fn file(pieces: impl Pieces) -> Self {
        let (head, tail) = (Vec::new(), Vec::new());
        let pieces: Box<dyn Pieces> = Box::new(Framed { head, pieces, tail });
        let media_type = "application/octet-stream";
        Self { body: Payload::Pieces(pieces), media_type, ..Self::new(StatusCode::OK, Vec::new()) }
    }

    /// The same with pieces that a function makes; it answers false with the last one.
    pub(crate) fn pieces_from(
        head: &[u8],
        next: impl FnMut(&mut Vec<u8>) -> Result<bool, Self> + Send + 'static,
        tail: &[u8],
    ) -> Self {
        Self::pieces(head, FromFn(next), tail)
    }

    /// An answer that takes `size` bytes to make, and is made when there is room for them.
    pub(crate) fn later(size: usize, make: impl FnOnce() -> Result<Self, Self> + Send + 'static) -> Self {
        let later = Later { size, make: Box::new(make) };
        Self { body: Payload::Later(later), ..Self::new(StatusCode::OK, Vec::new()) }
    }

    /// A handler panicked: a defect of ours, reported without detail. The panic's message and place are in the log.
    pub(crate) fn crashed() -> Self {
        Self::framework(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error", None)
    }

    /// Server-sent events; the body is made where the runtime is.
    pub(crate) fn events(body: impl FnOnce() -> Body + Send + 'static) -> Self {
        let answer = Self {
            body: Payload::Events(Box::new(body)),
            media_type: "text/event-stream",
            ..Self::new(StatusCode::OK, Vec::new())
        };
        answer.with_header("cache-control", "no-store".to_owned())
    }

    /// Success with a payload: work that was queued.
    pub(crate) fn accepted(payload: &Value) -> Self {
        Self { status: StatusCode::ACCEPTED, ..Self::data(payload) }
    }

    /// A request that cannot be carried out as it stands.
    pub(crate) fn bad_request(message: &str) -> Self {
        Self::failed(StatusCode::BAD_REQUEST, message)
    }

    /// A failure that a handler raises, with a message for the client.
    pub(crate) fn failed(status: StatusCode, message: &str) -> Self {
        Self::new(status, json_bytes(&json!({"status": "failed", "data": {"message": message}})))
    }

    /// No body at all.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status, Vec::new())
    }

    /// A failure of the framework: `{"title": "404 Not Found"}`, with a description if there is one.
    pub(crate) fn framework(status: StatusCode, title: &str, description: Option<&str>) -> Self {
        let mut body = json!({"title": title});
        if let Some(description) = description {
            body["description"] = json!(description);
        }
        Self::new(status, json_bytes(&body))
    }

    /// Unknown path.
    pub(crate) fn not_found() -> Self {
        Self::framework(StatusCode::NOT_FOUND, "404 Not Found", None)
    }

    /// Known path, other verbs.
    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        Self::framework(StatusCode::METHOD_NOT_ALLOWED, "405 Method Not Allowed", None).allow(allow)
    }

    /// The verbs of a path.
    pub(crate) fn options(allow: &str) -> Self {
        Self::empty(StatusCode::OK).allow(allow)
    }

    /// Malformed JSON.
    pub(crate) fn invalid_json(cause: &str) -> Self {
        let description = format!("Could not parse JSON body - {cause}");
        Self::framework(StatusCode::BAD_REQUEST, "Invalid JSON", Some(&description))
    }

    /// A media type without decoder.
    pub(crate) fn unsupported_media_type(media_type: &str) -> Self {
        let description = format!("{media_type} is an unsupported media type.");
        Self::framework(StatusCode::UNSUPPORTED_MEDIA_TYPE, "415 Unsupported Media Type", Some(&description))
    }

    /// A client that asks too often.
    pub(crate) fn too_many(seconds: u64) -> Self {
        let description = format!("Too many requests, come again in {seconds} s.");
        Self::framework(StatusCode::TOO_MANY_REQUESTS, "429 Too Many Requests", Some(&description))
            .with_header("retry-after", seconds.to_string())
    }

    /// A body beyond the limit.
    pub(crate) fn too_large(limit: usize) -> Self {
        let description = format!("The body exceeds {limit} bytes.");
        Self::framework(StatusCode::PAYLOAD_TOO_LARGE, "413 Payload Too Large", Some(&description))
    }

    /// What a refusal says, for those who show it in another form.
    pub(crate) fn message(&self) -> String {
        let body: Value = match &self.body {
            Payload::Bytes(bytes) => serde_json::from_slice(bytes).unwrap_or_default(),
            _ => Value::Null,
        };
        let said = [&body["data"]["message"], &body["description"], &body["detail"]];
        said.into_iter().find_map(Value::as_str).unwrap_or("The request was refused.").to_owned()
    }

    fn allow(self, allow: &str) -> Self {
        self.with_header("allow", allow.to_owned())
    }

    /// JSON without envelope.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, json_bytes(body))
    }

    /// JSON text without envelope.
    pub(crate) fn json_text(status: StatusCode, body: Vec<u8>) -> Self {
        Self::new(status, body)
    }

    /// A page that loads nothing and runs nothing.
    pub(crate) fn html(body: Vec<u8>) -> Self {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
        Self { media_type: "text/html; charset=utf-8", ..Self::new(StatusCode::OK, body) }
            .with_header("content-security-policy", policy.to_owned())
    }

    /// Text.
    pub(crate) fn text(status: StatusCode, body: Vec<u8>) -> Self {
        Self { media_type: "text/plain; version=0.0.4; charset=utf-8", ..Self::new(status, body) }
    }

    /// With a further header; a value that no header can hold is left out.
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

fn json_bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
