//! Refusals: everything stands under `detail`, as a sentence or as the list of what is wrong with the request.

use http::StatusCode;
use malkin_service::ServiceError;
use malkin_store::StoreError;
use serde_json::{Value, json};

use crate::answer::Answer;

/// A refusal.
pub(crate) fn detail(status: StatusCode, detail: &Value) -> Answer {
    Answer::json(status, &json!({"detail": detail}))
}

/// 404.
pub(super) fn not_found(what: &str) -> Answer {
    detail(StatusCode::NOT_FOUND, &json!(what))
}

/// 400 with a sentence.
pub(super) fn bad_request(what: &str) -> Answer {
    detail(StatusCode::BAD_REQUEST, &json!(what))
}

/// 422 with everything that is wrong.
pub(super) fn invalid(faults: Vec<Value>) -> Answer {
    detail(StatusCode::UNPROCESSABLE_ENTITY, &Value::Array(faults))
}

/// One thing that is wrong: its type, where, in words, and what was sent.
pub(super) fn fault(kind: &str, place: &[&str], message: &str, input: Value) -> Value {
    json!({"type": kind, "loc": place, "msg": message, "input": input})
}

/// A value that is not there; `holder` is what lacks it.
pub(super) fn missing(place: &[&str], holder: Value) -> Value {
    fault("missing", place, "Field required", holder)
}

/// A change was asked of a server that makes none.
pub(crate) const READ_ONLY: &str = "the server was started with --read-only: nothing can be changed";

/// The files of the store are not those that were opened. Paths are for the log alone.
pub(crate) const LOST: &str = "the files of the database were deleted, moved or replaced, see the log";

/// The store failed.
pub(super) fn store_failed(error: StoreError) -> Answer {
    match error {
        StoreError::NotWritable(cause) => {
            detail(StatusCode::INSUFFICIENT_STORAGE, &json!(format!("the store cannot be written: {cause}")))
        }
        StoreError::ReadOnly(_) => detail(StatusCode::SERVICE_UNAVAILABLE, &json!(READ_ONLY)),
        StoreError::Lost(_) => {
            tracing::error!(%error, "the store failed");
            detail(StatusCode::SERVICE_UNAVAILABLE, &json!(LOST))
        }
        StoreError::TooLarge { .. } => detail(StatusCode::PAYLOAD_TOO_LARGE, &json!(error.to_string())),
        error => {
            tracing::error!(%error, "the store failed");
            detail(StatusCode::INTERNAL_SERVER_ERROR, &json!("the store failed"))
        }
    }
}

/// A use case failed.
pub(super) fn service_failed(error: ServiceError) -> Answer {
    match error {
        ServiceError::Store(error) => store_failed(error),
        error => bad_request(&error.to_string()),
    }
}
