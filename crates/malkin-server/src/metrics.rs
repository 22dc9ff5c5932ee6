//! `/metrics`: figures in Prometheus' text format. Requests are counted as they end (`requests`); the rest is read when it is asked for.

use std::fmt::Write as _;

use http::StatusCode;
use malkin_service::{Role, ended_counts, stage_times};
use malkin_store::JobState;

use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::Success;
use crate::requests::header;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] =
    &[Operation::get("/metrics", Role::Reader, metrics, "Figures for Prometheus")
        .success(Success::Text)
        .head()
        .ours()];

/// `GET /metrics`
fn metrics(app: &App, _: &Call) -> Result<Answer, Answer> {
    let failed = |error: malkin_store::StoreError| {
        tracing::error!(%error, "the store does not answer");
        Answer::text(StatusCode::SERVICE_UNAVAILABLE, b"the store does not answer\n".to_vec())
    };
    let counts = app.service.corpus.counts().map_err(failed)?;
    let jobs = app.service.corpus.store().job_stats(false).map_err(failed)?;
    let mut text = String::new();
    app.requests.write(&mut text);
    header(&mut text, "malkin_corpus", "gauge", "What the corpus holds");
    for (what, count) in
        [("families", counts.families), ("samples", counts.samples), ("functions", counts.functions)]
    {
        let _ = writeln!(text, "malkin_corpus{{what=\"{what}\"}} {count}");
    }
    header(&mut text, "malkin_jobs", "gauge", "Jobs by method and state");
    for (method, states) in &jobs {
        for (state, count) in states {
            let _ = writeln!(text, "malkin_jobs{{method=\"{method}\",state=\"{}\"}} {count}", name(*state));
        }
    }
    write_stages(&mut text);
    header(
        &mut text,
        "malkin_answers",
        "gauge",
        "Bytes of whole answers, streams, waiting requests, listeners",
    );
    for (what, amount) in app.delivery.figures() {
        let _ = writeln!(text, "malkin_answers{{what=\"{what}\"}} {amount}");
    }
    write_budgets(&mut text);
    write_kept(app, &mut text).map_err(failed)?;
    header(&mut text, "malkin_store_bytes", "gauge", "Size of the database, without its log");
    let _ = writeln!(text, "malkin_store_bytes {}", app.service.corpus.store().size().map_err(failed)?);
    if let Some(bytes) = resident() {
        header(&mut text, "process_resident_memory_bytes", "gauge", "Resident memory of the server");
        let _ = writeln!(text, "process_resident_memory_bytes {bytes}");
    }
    let index = app.service.corpus.index().stats();
    header(&mut text, "malkin_index", "gauge", "What the index holds");
    for (what, value) in index.named() {
        let _ = writeln!(text, "malkin_index{{what=\"{what}\"}} {value}");
    }
    Ok(Answer::text(StatusCode::OK, text.into_bytes()))
}

/// What jobs and their files take up, and what was deleted of it.
fn write_kept(app: &App, text: &mut String) -> Result<(), malkin_store::StoreError> {
    let usage = app.service.corpus.store().usage()?;
    let removed = app.service.jobs.running().removed();
    for (name, kind, help, value) in [
        ("malkin_ended_jobs", "gauge", "Jobs that ended and are kept", usage.ended_jobs),
        ("malkin_result_bytes", "gauge", "Results and query samples, as stored", usage.result_bytes),
        (
            "malkin_files",
            "gauge",
            "Files of jobs that have not ended, and files kept with samples",
            usage.files,
        ),
        ("malkin_file_bytes", "gauge", "Size of these files as sent", usage.file_bytes),
        (
            "malkin_store_free_bytes",
            "gauge",
            "Unused room in the database",
            app.service.corpus.store().free_bytes()?,
        ),
        ("malkin_expired_jobs_total", "counter", "Jobs deleted because nobody used them", removed.jobs),
        (
            "malkin_expired_bytes_total",
            "counter",
            "Results and query samples deleted with them",
            removed.bytes,
        ),
        ("malkin_swept_files_total", "counter", "Files deleted that nothing referred to", removed.files),
    ] {
        header(text, name, kind, help);
        let _ = writeln!(text, "{name} {value}");
    }
    Ok(())
}

/// What the work was spent on since the start; requests that submit, match or triage at once count as jobs do.
fn write_stages(text: &mut String) {
    let stages = stage_times();
    header(text, "malkin_stage_total", "counter", "Stages of the work that ended");
    for time in &stages {
        let _ = writeln!(text, "malkin_stage_total{{stage=\"{}\"}} {}", time.stage.name(), time.times);
    }
    header(text, "malkin_stage_seconds_total", "counter", "Time that passed in stages of the work");
    for time in &stages {
        let (name, seconds) = (time.stage.name(), time.took.as_secs_f64());
        let _ = writeln!(text, "malkin_stage_seconds_total{{stage=\"{name}\"}} {seconds}");
    }
}

/// What budgets ended or refused since the start.
fn write_budgets(text: &mut String) {
    let name = "malkin_requests_ended_by_budget_total";
    header(text, name, "counter", "Requests and jobs that a budget ended or refused");
    for (budget, count) in ended_counts() {
        let _ = writeln!(text, "{name}{{budget=\"{}\"}} {count}", budget.name());
    }
}

/// Resident memory of this process in bytes, where the system reports it (Linux).
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn name(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::InProgress => "in_progress",
        JobState::Finished => "finished",
        JobState::Failed => "failed",
        JobState::Terminated => "terminated",
    }
}
