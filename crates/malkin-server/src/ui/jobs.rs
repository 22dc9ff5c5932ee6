//! Pages of the queue.

use malkin_pages::frame::Here;
use malkin_pages::jobs::{JobPage, JobsPage};
use malkin_report::{FunctionId, JobId, SampleId};
use malkin_service::jobs::kinds;
use malkin_service::{MatchArguments, display_text};
use malkin_store::{Job, JobFilter, JobState};
use serde_json::Value;

use super::listing::{pager, start};
use super::{forms, frame, missing, page as render, see_other, store_failed, view};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// Jobs of a page.
const ROWS: u64 = 50;
/// Largest result that is shown as text, in bytes.
const MAX_PLAIN: usize = 256 << 10;

const STATES: [(&str, &str, JobState); 5] = [
    ("in_progress", "running", JobState::InProgress),
    ("queued", "waiting", JobState::Queued),
    ("finished", "finished", JobState::Finished),
    ("failed", "failed", JobState::Failed),
    ("terminated", "cancelled", JobState::Terminated),
];

/// `GET /ui/jobs?state=&start=`
pub(super) fn list(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let wanted = call.query.last("state").unwrap_or_default();
    let state = STATES.iter().find(|(name, ..)| *name == wanted).map(|(.., state)| *state);
    let filter = JobFilter { state, ..JobFilter::default() };
    let start = start(&call.query);
    let store = app.service.corpus.store();
    let jobs = store.jobs(&filter, start, ROWS, false).map_err(error)?;
    let stats = store.job_stats(false).map_err(error)?;
    let count = |state: JobState| stats.values().filter_map(|counters| counters.get(&state)).sum();
    render(&JobsPage {
        frame: frame(app, &call.headers, Here::Jobs, "Jobs"),
        state: state.map(|_| wanted.to_owned()).unwrap_or_default(),
        counts: STATES.iter().map(|(name, text, state)| (*name, *text, count(*state))).collect(),
        pager: pager(&call.query, "/ui/jobs", start, jobs.len() as u64, ROWS, None),
        rows: jobs.iter().map(view::job).collect(),
    })
}

/// The job of a path.
pub(super) fn of_path(app: &App, call: &Call, position: usize) -> Result<Job, Answer> {
    let id = JobId::parse(call.text(position)).ok_or_else(|| missing(app, call, "job"))?;
    let job = app.service.corpus.store().job(id).map_err(|error| store_failed(app, call, &error))?;
    job.ok_or_else(|| missing(app, call, "job"))
}

/// `GET /ui/jobs/{id}`
pub(super) fn page(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let job = of_path(app, call, 1)?;
    let store = app.service.corpus.store();
    let mut waits_for = Vec::new();
    for id in job.all_dependencies.iter().take(100) {
        waits_for.extend(store.job(*id).map_err(error)?.as_ref().map(view::job));
    }
    let mut row = view::job(&job);
    let mut plain = None;
    if row.result.as_deref() == Some(&format!("/ui/jobs/{}", job.id)) {
        row.result = None;
        let bytes = job.result.map(|id| store.result(id)).transpose().map_err(error)?.flatten();
        plain = bytes.map(|bytes| readable(&bytes));
    }
    let request = display_text(&job.method, &job.params);
    let title = row.what.clone();
    render(&JobPage {
        frame: frame(app, &call.headers, Here::Jobs, title),
        job: row,
        request,
        error: job.last_error.clone().filter(|_| job.state() != JobState::Finished),
        waits_for,
        plain,
    })
}

/// A result as indented text.
fn readable(bytes: &[u8]) -> String {
    let value: Option<Value> =
        (bytes.len() <= MAX_PLAIN).then(|| serde_json::from_slice(bytes).ok()).flatten();
    match value {
        Some(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        None => format!("The result has {} bytes; read it with the API.", bytes.len()),
    }
}

/// `POST /ui/jobs/{id}/delete`
pub(super) fn delete(app: &App, call: &Call) -> Result<Answer, Answer> {
    forms::read(app, call)?;
    let job = of_path(app, call, 1)?;
    app.service.jobs.delete(job.id).map_err(|error| store_failed(app, call, &error))?;
    Ok(see_other("/ui/jobs"))
}

/// `POST /ui/samples/{id}/match`, against everything or against one other sample.
pub(super) fn match_sample(app: &App, call: &Call) -> Result<Answer, Answer> {
    let error = |error| store_failed(app, call, &error);
    let form = forms::read(app, call)?;
    let store = app.service.corpus.store();
    let sample = |text: &str| -> Result<SampleId, Answer> {
        let id = SampleId::new(text.trim().parse().unwrap_or(i64::MIN));
        match store.sample(id).map_err(error)? {
            Some(sample) if !sample.sample_id.is_query() => Ok(id),
            _ => Err(missing(app, call, "sample")),
        }
    };
    let id = sample(call.text(1))?;
    let job = if form.text("other").is_empty() {
        app.service.jobs.enqueue(&kinds::MatchSample(id, MatchArguments::none()), true)
    } else {
        let other = sample(form.text("other"))?;
        app.service.jobs.enqueue(&kinds::MatchSampleVs(id, other, MatchArguments::none()), false)
    };
    Ok(forms::then(call, &format!("/ui/jobs/{}", job.map_err(error)?)))
}

/// `POST /ui/functions/{id}/match`
pub(super) fn match_function(app: &App, call: &Call) -> Result<Answer, Answer> {
    forms::read(app, call)?;
    let id = FunctionId::new(call.text(1).parse().unwrap_or(i64::MIN));
    super::function::known(app, call, id)?;
    let request = kinds::MatchFunction(id, MatchArguments::none());
    let job = app.service.jobs.enqueue(&request, false).map_err(|error| store_failed(app, call, &error))?;
    Ok(forms::then(call, &format!("/ui/jobs/{job}")))
}
