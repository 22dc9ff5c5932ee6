//! Shapes that several routes share: failures of the services as answers, listings as objects keyed by number, job
//! documents, paging.

use http::StatusCode;
use malkin_report::{FunctionEntry, JobId, ResultId};
use malkin_service::clock::job_time;
use malkin_service::{Budget, IngestError, ServiceError, note_ended};
use malkin_store::{Job, Page, StoreError, Timestamp};
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::query::Query;
use crate::triage::{LOST, READ_ONLY};

/// Seconds after which a client with a full queue may ask again.
const QUEUE_PAUSE: u64 = 10;

/// A store that fails is no fault of the client, unless it was asked to keep too much.
pub(super) fn store_failed(error: StoreError) -> Answer {
    if let StoreError::TooLarge { .. } = error {
        return Answer::failed(StatusCode::PAYLOAD_TOO_LARGE, &sentence(&error.to_string()));
    }
    if let StoreError::ReadOnly(_) = error {
        return Answer::failed(StatusCode::SERVICE_UNAVAILABLE, &sentence(READ_ONLY));
    }
    if let StoreError::QueueFull { .. } = error {
        note_ended(Budget::Queue);
        return Answer::failed(StatusCode::TOO_MANY_REQUESTS, &sentence(&error.to_string()))
            .with_header("retry-after", QUEUE_PAUSE.to_string());
    }
    tracing::error!(%error, "the store failed");
    if let StoreError::Lost(_) = error {
        return Answer::failed(StatusCode::SERVICE_UNAVAILABLE, &sentence(LOST));
    }
    Answer::failed(StatusCode::SERVICE_UNAVAILABLE, "The store is not available, nothing was changed.")
}

/// Failures of a use case.
pub(super) fn service_failed(error: ServiceError) -> Answer {
    match error {
        ServiceError::Ingest(IngestError::NotJson(error)) => Answer::invalid_json(&error.to_string()),
        ServiceError::NotJson(error) => Answer::invalid_json(&error.to_string()),
        ServiceError::Store(error) => store_failed(error),
        other => Answer::failed(StatusCode::BAD_REQUEST, &sentence(&other.to_string())),
    }
}

/// A message of ours as a sentence, as MCRIT's messages are.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

/// "We don't have a ... with that id."
pub(super) fn unknown(noun: &str) -> Answer {
    Answer::failed(StatusCode::NOT_FOUND, &format!("We don't have a {noun} with that id."))
}

/// Paging of samples and functions: unparsable is 0, a negative limit acts as its absolute value, a negative start is
/// refused.
pub(super) fn page(query: &Query) -> Result<Page, Answer> {
    let start = query.int("start").unwrap_or(0);
    let limit = query.int("limit").unwrap_or(0);
    let Ok(start) = u64::try_from(start) else {
        return Err(Answer::failed(StatusCode::BAD_REQUEST, "start must not be negative."));
    };
    Ok(Page { start, limit: limit.unsigned_abs() })
}

/// What stands for disassembly that was asked for and is not there.
const DROPPED: &[u8] = b"{}";

/// One function without disassembly.
pub(super) fn function_json(function: &FunctionEntry) -> Vec<u8> {
    let mut out = Vec::new();
    malkin_wire::write_function_entry(function, None, &mut out);
    out
}

/// One function with its disassembly, `{}` if that was dropped.
pub(super) fn function_json_with(function: &FunctionEntry, xcfg: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    malkin_wire::write_function_entry(function, Some(xcfg.unwrap_or(DROPPED)), &mut out);
    out
}

/// A job document (`docs/reference/mcrit-api.md` 2.4).
pub(super) fn job_json(job: &Job) -> Value {
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| json!({"$date": job_time(at)}));
    let plain = |ids: &[JobId]| ids.iter().map(|id| json!(id.to_string())).collect::<Vec<_>>();
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("_id", json!({"$oid": job.id.to_string()}));
    put("number", json!(job.number));
    put(
        "payload",
        json!({"method": job.method, "params": job.params, "file_params": job.file_params, "descriptor": job.descriptor}),
    );
    put("created_at", time(Some(job.created_at)));
    put("started_at", time(job.started_at));
    put("finished_at", time(job.finished_at));
    put("locked_at", time(job.locked_at));
    put("locked_by", json!(job.locked_by));
    put("attempts_left", json!(job.attempts_left));
    put("last_error", json!(job.last_error));
    put("result", json!(job.result.map(|id| id.to_string())));
    put("terminated", json!(job.terminated));
    put("priority", json!(job.priority));
    put("notify_done", json!(job.notify_done));
    put("required_by", job.required_by.iter().map(|id| json!({"$oid": id.to_string()})).collect());
    put("all_dependencies", plain(&job.all_dependencies).into());
    put("unfinished_dependencies", plain(&job.unfinished_dependencies).into());
    if !job.author.is_empty() {
        put("author", json!(job.author));
    }
    if let Some(progress) = job.progress {
        // Exactly 0 and 1 are integers, as a client may compare them.
        let whole = progress == 0.0 || progress >= 1.0;
        put("progress", if whole { json!(progress as u64) } else { json!(progress) });
    }
    Value::Object(document)
}

/// Reads a job id: 24 hex digits. A text that merely starts with them names no job.
pub(super) fn job_id(text: &str) -> Result<JobId, Answer> {
    JobId::parse(text).ok_or_else(|| {
        Answer::failed(StatusCode::BAD_REQUEST, "Valid JobIDs are hexstrings with 24 characters.")
    })
}

/// Reads a result id.
pub(super) fn result_id(text: &str) -> Result<ResultId, Answer> {
    ResultId::parse(text).ok_or_else(|| {
        Answer::failed(StatusCode::BAD_REQUEST, "Valid ResultIDs are hexstrings with 24 characters.")
    })
}
