//! `/metrics`: figures in Prometheus' text format. Requests are counted as they end; the rest is read when it is asked for.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use malkin_service::{ended_counts, stage_times};
use malkin_store::JobState;

use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// Upper bounds of the buckets of request times, in seconds.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];
/// Classes of statuses: 1xx to 5xx.
const CLASSES: usize = 5;

/// Counters of requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    by_class: [AtomicU64; CLASSES],
    by_time: [AtomicU64; BUCKETS.len()],
    micros: AtomicU64,
}

impl Requests {
    /// Counts a request that ended.
    pub(crate) fn note(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(CLASSES - 1);
        self.by_class[class].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
        for (bound, count) in BUCKETS.iter().zip(&self.by_time) {
            if took.as_secs_f64() <= *bound {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn write(&self, text: &mut String) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        header(text, "malkin_requests_total", "counter", "Requests by class of status");
        for (class, count) in self.by_class.iter().enumerate() {
            let _ = writeln!(text, "malkin_requests_total{{status=\"{}xx\"}} {}", class + 1, read(count));
        }
        let total: u64 = self.by_class.iter().map(read).sum();
        header(text, "malkin_request_seconds", "histogram", "Time of requests");
        for (bound, count) in BUCKETS.iter().zip(&self.by_time) {
            let _ = writeln!(text, "malkin_request_seconds_bucket{{le=\"{bound}\"}} {}", read(count));
        }
        let _ = writeln!(text, "malkin_request_seconds_bucket{{le=\"+Inf\"}} {total}");
        let _ = writeln!(text, "malkin_request_seconds_sum {}", read(&self.micros) as f64 / 1e6);
        let _ = writeln!(text, "malkin_request_seconds_count {total}");
    }
}

fn header(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// `GET /metrics`
pub(crate) fn metrics(app: &App, _: &Call) -> Result<Answer, Answer> {
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

/// Resident memory of this process in bytes, where the system tells (Linux).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_in_every_bucket_they_fit() {
        let requests = Requests::default();
        requests.note(StatusCode::OK, Duration::from_millis(3));
        requests.note(StatusCode::NOT_FOUND, Duration::from_secs(3));
        let mut text = String::new();
        requests.write(&mut text);
        for line in [
            "malkin_requests_total{status=\"2xx\"} 1",
            "malkin_requests_total{status=\"4xx\"} 1",
            "malkin_request_seconds_bucket{le=\"0.001\"} 0",
            "malkin_request_seconds_bucket{le=\"0.005\"} 1",
            "malkin_request_seconds_bucket{le=\"10\"} 2",
            "malkin_request_seconds_count 2",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
