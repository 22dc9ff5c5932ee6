//! What goes back to a client: MCRIT's envelope for whatever a handler decides, and its framework's plain bodies for what
//! never reaches one (`mcrit-api.md` 1.2).

use axum::http::StatusCode;
use serde_json::{Value, json};

/// An answer: status, body, further headers. The content type is always JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Body, possibly empty.
    pub(crate) body: Vec<u8>,
    /// The verbs of a path, for an `Allow` header.
    pub(crate) allow: Option<String>,
}

impl Answer {
    fn new(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, body, allow: None }
    }

    /// Success with a payload.
    pub(crate) fn data(payload: &Value) -> Self {
        Self::raw_data(&serde_json::to_vec(payload).unwrap_or_default())
    }

    /// Success with a payload that is JSON text already: results are served as they were stored.
    pub(crate) fn raw_data(payload: &[u8]) -> Self {
        const HEAD: &[u8] = br#"{"status": "successful", "data": "#;
        let mut body = Vec::with_capacity(HEAD.len() + payload.len() + 1);
        body.extend_from_slice(HEAD);
        body.extend_from_slice(payload);
        body.push(b'}');
        Self::new(StatusCode::OK, body)
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

    /// A body beyond the limit.
    pub(crate) fn too_large(limit: usize) -> Self {
        let description = format!("The body exceeds {limit} bytes.");
        Self::framework(StatusCode::PAYLOAD_TOO_LARGE, "413 Payload Too Large", Some(&description))
    }

    fn allow(mut self, allow: &str) -> Self {
        self.allow = Some(allow.to_owned());
        self
    }
}

fn json_bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
