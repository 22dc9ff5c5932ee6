//! Progress of a job as server-sent events: one event whenever something changed, the last one when the job has ended.
//!
//! No thread waits for a listener: a task looks at the job now and then. A listener that takes nothing for too long is given up.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::channel::Channel;
use malkin_report::JobId;
use malkin_service::Corpus;
use malkin_store::{Job, JobState};
use serde_json::{Value, json};

use crate::body::{Body, boxed};
use crate::share::Share;

/// How often a job is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// A comment is sent after this time without news, so that nothing in between takes the connection for dead.
const BREATH: Duration = Duration::from_secs(15);
/// A client that takes nothing for this long is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// No listener stays longer; it may come again.
const LONGEST: Duration = Duration::from_hours(1);

/// The body of events about a job. The seat is given back when it ends.
pub(crate) fn body(corpus: Arc<Corpus>, id: JobId, seat: Share) -> Body {
    let (mut sender, channel) = Channel::<Bytes, io::Error>::new(1);
    tokio::spawn(async move {
        let _seat = seat;
        let (started, mut previous, mut last_sent) = (Instant::now(), None, Instant::now());
        while started.elapsed() < LONGEST {
            let looked = Arc::clone(&corpus);
            let job = tokio::task::spawn_blocking(move || looked.store().job(id)).await;
            let Ok(Ok(job)) = job else { break };
            let (news, ended) = report(job.as_ref());
            let text = if previous.as_ref() == Some(&news) {
                (last_sent.elapsed() >= BREATH).then(|| ": still there\n\n".to_owned())
            } else {
                Some(format!("event: {}\ndata: {news}\n\n", if ended { "end" } else { "progress" }))
            };
            if let Some(text) = text {
                last_sent = Instant::now();
                let sent = tokio::time::timeout(PATIENCE, sender.send_data(Bytes::from(text))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
            if ended {
                break;
            }
            previous = Some(news);
            tokio::time::sleep(LOOK).await;
        }
    });
    boxed(channel)
}

/// What is reported of a job, and whether it has ended.
fn report(job: Option<&Job>) -> (Value, bool) {
    let Some(job) = job else { return (json!({"state": "deleted"}), true) };
    let state = job.state();
    let name = match state {
        JobState::Queued => "queued",
        JobState::InProgress => "in_progress",
        JobState::Finished => "finished",
        JobState::Failed => "failed",
        JobState::Terminated => "terminated",
    };
    let ended = matches!(state, JobState::Finished | JobState::Failed | JobState::Terminated);
    let report = json!({
        "state": name,
        "progress": job.progress.unwrap_or(0.0),
        "attempts_left": job.attempts_left,
        "result": job.result.map(|result| result.to_string()),
        "last_error": job.last_error,
    });
    (report, ended)
}
