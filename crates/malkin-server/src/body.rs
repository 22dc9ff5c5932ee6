//! Bodies of requests and answers, whatever they are made of.

use std::error::Error;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

/// A body.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Why a body cannot be read or sent.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Any body.
pub(crate) fn boxed<B>(body: B) -> Body
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// A body that lies in memory.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    boxed(Full::new(bytes.into()))
}
