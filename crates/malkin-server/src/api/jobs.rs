//! `/jobs`: the queue as clients see it.

use std::sync::Arc;

use http::StatusCode;
use malkin_service::Role;
use malkin_service::clock::parse_moment;
use malkin_service::questions;
use malkin_service::{Budget, display_text, note_ended};
use malkin_store::{After, JobFilter, JobState};
use serde_json::{Map, Value, json};

use super::listing::Commas;
use super::results::{RESULT, render};
use super::shape::{job_id, job_json, store_failed, unknown};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::events::body as event_stream;
use crate::operation::{LIMIT, Parameter, START, Success};

const STATES: [(&str, JobState); 5] = [
    ("queued", JobState::Queued),
    ("in_progress", JobState::InProgress),
    ("finished", JobState::Finished),
    ("failed", JobState::Failed),
    ("terminated", JobState::Terminated),
];

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/jobs", Role::Reader, list, "The queue").query(&[
        START,
        LIMIT,
        Parameter::text("method"),
        Parameter::text("state"),
        Parameter::text("filter"),
        Parameter::flag("ascending"),
    ]),
    Operation::delete("/jobs", Role::Admin, delete_all, "Deletes jobs").query(&[
        Parameter::text("method"),
        Parameter::text("created_before"),
        Parameter::text("finished_before"),
    ]),
    Operation::get("/jobs/stats", Role::Reader, stats, "Counts of jobs by method and state")
        .query(&[Parameter::flag("with_refresh")]),
    Operation::get("/jobs/{job_id}", Role::Reader, one, "One job"),
    Operation::delete("/jobs/{job_id}", Role::Contributor, delete, "Cancels and deletes a job"),
    Operation::get(
        "/jobs/{job_id}/attribution",
        Role::Reader,
        attribution,
        "The result of a comparison read as evidence for families",
    )
    .ours(),
    Operation::get("/jobs/{job_id}/result", Role::Reader, result, "The result of a job, whole or filtered")
        .query(RESULT),
    Operation::get(
        "/jobs/{job_id}/events",
        Role::Reader,
        events,
        "Progress of a job as server-sent events: `progress` on each change, `end` with the final state",
    )
    .success(Success::Events)
    .ours(),
];

/// `GET /jobs?start=&limit=&method=&state=&filter=&ascending=`
pub(super) fn list(app: &App, call: &Call) -> Result<Answer, Answer> {
    let query = &call.query;
    let mut filter = JobFilter { method: query.once("method").map(str::to_owned), ..JobFilter::default() };
    if let Some(text) = query.once("state") {
        match STATES.iter().find(|(name, _)| *name == text) {
            Some((_, state)) => filter.state = Some(*state),
            None => return Ok(Answer::data(&json!([]))),
        }
    }
    let page = super::shape::page(query)?;
    let mut left = if page.limit == 0 { u64::MAX } else { page.limit };
    let mut after = After { number: None, skip: page.start };
    let ascending = query.is_true("ascending");
    // The text filter is applied after paging, as in the reference.
    let wanted = query.once("filter").unwrap_or_default().to_owned();
    let (service, mut commas) = (Arc::clone(&app.service), Commas::default());
    let jobs = move |out: &mut Vec<u8>| {
        let jobs = service.corpus.store().job_piece(&filter, after, ascending).map_err(store_failed)?;
        after = After { number: jobs.last().map(|job| job.number as i64), skip: 0 };
        for job in jobs.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            left -= 1;
            if wanted.is_empty() || display_text(&job.method, &job.params).contains(&wanted) {
                commas.item(&job_json(job), out);
            }
        }
        Ok(left > 0 && after.number.is_some())
    };
    Ok(Answer::pieces_from(b"[", jobs, b"]"))
}

/// `DELETE /jobs?method=&created_before=&finished_before=`. A condition that cannot be understood is refused, so that it
/// never widens the deletion.
pub(super) fn delete_all(app: &App, call: &Call) -> Result<Answer, Answer> {
    let query = &call.query;
    for name in ["method", "created_before", "finished_before"] {
        if query.has(name) && query.once(name).is_none() {
            return Err(not_understood(name));
        }
    }
    let moment = |name: &str| match query.once(name) {
        None => Ok(None),
        Some(text) => parse_moment(text.trim()).map(Some).ok_or_else(|| not_understood(name)),
    };
    let created_before = moment("created_before")?;
    let mut finished_before = moment("finished_before")?;
    if created_before.is_some() {
        finished_before = None;
    }
    let filter = JobFilter {
        method: query.once("method").map(str::to_owned),
        state: None,
        created_before,
        finished_before,
    };
    let deleted = app.service.jobs.delete_matching(&filter).map_err(store_failed)?;
    Ok(Answer::data(&json!({"num_deleted": deleted})))
}

fn not_understood(name: &str) -> Answer {
    let message = format!("{name} cannot be understood, nothing was deleted.");
    Answer::failed(StatusCode::BAD_REQUEST, &message)
}

/// `GET /jobs/stats?with_refresh=`
pub(super) fn stats(app: &App, call: &Call) -> Result<Answer, Answer> {
    let stats =
        app.service.corpus.store().job_stats(call.query.is_true("with_refresh")).map_err(store_failed)?;
    let mut methods = Map::new();
    for (method, counters) in stats {
        let counters =
            STATES.iter().filter_map(|(name, state)| Some(((*name).to_owned(), json!(counters.get(state)?))));
        methods.insert(method, Value::Object(counters.collect()));
    }
    Ok(Answer::data(&Value::Object(methods)))
}

/// `GET /jobs/{id}`: null for an unknown job.
pub(super) fn one(app: &App, call: &Call) -> Result<Answer, Answer> {
    let job = app.service.corpus.store().job(job_id(call.text(0))?).map_err(store_failed)?;
    Ok(Answer::data(&job.as_ref().map_or(Value::Null, job_json)))
}

/// `DELETE /jobs/{id}`
pub(super) fn delete(app: &App, call: &Call) -> Result<Answer, Answer> {
    let deleted = app.service.jobs.delete(job_id(call.text(0))?).map_err(store_failed)?;
    Ok(Answer::data(&json!({"num_deleted": u64::from(deleted)})))
}

/// `GET /jobs/{id}/result?compact=`: null while there is none.
pub(super) fn result(app: &App, call: &Call) -> Result<Answer, Answer> {
    let job = app.service.corpus.store().job(job_id(call.text(0))?).map_err(store_failed)?;
    let Some((result, job)) = job.and_then(|job| Some((job.result?, job))) else {
        return Ok(Answer::data(&Value::Null));
    };
    match app.service.corpus.store().open_result(result).map_err(store_failed)? {
        Some(content) => Ok(render(app, call, result, content, Some(&job))),
        None => Ok(Answer::data(&Value::Null)),
    }
}

/// `GET /jobs/{id}/attribution`, ours: the result of a comparison read as evidence for families. Null while there is none, and for
/// jobs of other kinds.
pub(super) fn attribution(app: &App, call: &Call) -> Result<Answer, Answer> {
    let store = app.service.corpus.store();
    let result = store.job(job_id(call.text(0))?).map_err(store_failed)?.and_then(|job| job.result);
    let bytes = result.map(|result| store.result(result)).transpose().map_err(store_failed)?.flatten();
    let evidence = bytes
        .map(|bytes| questions::attribution(&app.service.corpus, &bytes))
        .transpose()
        .map_err(store_failed)?
        .flatten();
    Ok(Answer::data(&evidence.unwrap_or(Value::Null)))
}

/// `GET /jobs/{id}/events`, ours: progress as server-sent events until the job has ended.
pub(super) fn events(app: &App, call: &Call) -> Result<Answer, Answer> {
    let id = job_id(call.text(0))?;
    if app.service.corpus.store().job(id).map_err(store_failed)?.is_none() {
        return Err(unknown("job"));
    }
    let seat = app.delivery.listeners.take(call.peer, 1).ok_or_else(|| {
        note_ended(Budget::Listeners);
        Answer::failed(StatusCode::TOO_MANY_REQUESTS, "Too many listeners, look at the job itself.")
    })?;
    let corpus = Arc::clone(&app.service.corpus);
    Ok(Answer::events(move || event_stream(corpus, id, seat)))
}
