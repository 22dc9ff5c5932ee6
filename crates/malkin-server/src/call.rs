//! A request as handlers see it: path values, query, headers that matter, and the whole body.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, header};
use malkin_report::{FamilyId, FunctionId, SampleId};
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::caller::Caller;
use crate::path::Segment;
use crate::query::Query;

/// Author of labels when the client names none.
const ANONYMOUS: &str = "anonymous";

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Values of the path's variable segments, in order.
    pub(crate) path: Vec<Segment>,
    /// The query string.
    pub(crate) query: Query,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// The body, whole.
    pub(crate) body: Bytes,
    /// Who asks.
    pub(crate) caller: Caller,
    /// Address it comes from.
    pub(crate) peer: IpAddr,
}

impl Call {
    /// The integer at a position of the path. Positions are those of the route's pattern.
    fn int(&self, position: usize) -> i64 {
        match self.path.get(position) {
            Some(Segment::Int(value)) => *value,
            _ => i64::MAX,
        }
    }

    /// A sample number of the path.
    pub(crate) fn sample(&self, position: usize) -> SampleId {
        SampleId::new(self.int(position))
    }

    /// A family number of the path.
    pub(crate) fn family(&self, position: usize) -> FamilyId {
        FamilyId::new(self.int(position))
    }

    /// A function number of the path.
    pub(crate) fn function(&self, position: usize) -> FunctionId {
        FunctionId::new(self.int(position))
    }

    /// A text of the path.
    pub(crate) fn text(&self, position: usize) -> &str {
        match self.path.get(position) {
            Some(Segment::Text(text)) => text,
            _ => "",
        }
    }

    /// Who asks, as the client states it: a web front end has one token and many users. Without a statement the name of the token.
    pub(crate) fn username(&self) -> &str {
        let stated = self.headers.get("username").and_then(|value| value.to_str().ok());
        stated.or(self.caller.name.as_deref()).unwrap_or(ANONYMOUS)
    }

    /// Fails for a request without body in the words of MCRIT.
    pub(crate) fn require_body(&self, verb: &str) -> Result<(), Answer> {
        if self.body.is_empty() {
            let message = format!("{verb} request without body can't be processed.");
            return Err(Answer::failed(http::StatusCode::BAD_REQUEST, &message));
        }
        Ok(())
    }

    /// Fails for a body that is not declared as JSON; a missing content type counts as JSON. Forms have a decoder in the
    /// reference, so they get as far as not being what the route wants.
    pub(crate) fn require_json(&self) -> Result<(), Answer> {
        match self.media_type()? {
            Media::Json => Ok(()),
            Media::Form | Media::Multipart => {
                Err(Answer::bad_request("The body is a form, but a JSON document is expected."))
            }
        }
    }

    /// The body as a JSON document in which no key repeats.
    pub(crate) fn json(&self) -> Result<Value, Answer> {
        malkin_wire::read_value(&self.body).map_err(|error| Answer::invalid_json(&error.to_string()))
    }

    /// The body as a form, its values texts and those of repeated names lists of texts; `None` if the body is JSON.
    pub(crate) fn form(&self) -> Result<Option<Map<String, Value>>, Answer> {
        match self.media_type()? {
            Media::Json => Ok(None),
            Media::Form => Ok(Some(Query::parse(&String::from_utf8_lossy(&self.body)).to_object())),
            Media::Multipart => Err(Answer::bad_request("PUT request without body can't be processed.")),
        }
    }

    fn media_type(&self) -> Result<Media, Answer> {
        let Some(declared) =
            self.headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()))
        else {
            return Ok(Media::Json);
        };
        let media_type = declared.split(';').next().unwrap_or_default().trim();
        match media_type.to_ascii_lowercase().as_str() {
            "" | "application/json" => Ok(Media::Json),
            "application/x-www-form-urlencoded" => Ok(Media::Form),
            "multipart/form-data" => Ok(Media::Multipart),
            _ => Err(Answer::unsupported_media_type(&declared)),
        }
    }
}

/// The media types that have a decoder.
enum Media {
    Json,
    Form,
    Multipart,
}
