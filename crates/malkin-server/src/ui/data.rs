//! `/ui/data/`: what scripts of the pages read.

use http::StatusCode;
use malkin_service::{Budget, note_ended};
use serde_json::{Value, json};

use super::jobs::of_path;
use super::{failed, results};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::events;

/// Most pairs of one answer.
const MOST_PAIRS: u64 = 1000;

/// `GET /ui/data/jobs/{id}/events`
pub(super) fn job_events(app: &App, call: &Call) -> Result<Answer, Answer> {
    let job = of_path(app, call, 2)?;
    let seat = app.delivery.listeners.take(call.peer, 1).ok_or_else(|| {
        note_ended(Budget::Listeners);
        failed(
            app,
            &call.headers,
            StatusCode::TOO_MANY_REQUESTS,
            "Too many pages watch jobs. Reload this one later.",
        )
    })?;
    let corpus = std::sync::Arc::clone(&app.service.corpus);
    Ok(Answer::events(move || events::body(corpus, job.id, seat)))
}

/// `GET /ui/data/results/{id}/functions`: one row for each own function: entry, bytes, best score, families, 1 if in a library, pairs.
pub(super) fn own_functions(app: &App, call: &Call) -> Result<Answer, Answer> {
    let (_, kept) = results::table(app, call, 2)?;
    let rows: Vec<Value> = kept
        .table
        .functions
        .iter()
        .map(|row| {
            json!([
                row.offset.get(),
                row.num_bytes as u64,
                row.best_score,
                row.num_families,
                u8::from(row.is_library),
                row.num_pairs
            ])
        })
        .collect();
    Ok(no_store(Answer::json(StatusCode::OK, &json!({"rows": rows}))))
}

/// `GET /ui/data/results/{id}/pairs?start=&limit=&sort=` and the filters.
pub(super) fn pairs(app: &App, call: &Call) -> Result<Answer, Answer> {
    let (_, kept) = results::table(app, call, 2)?;
    let positions = kept.sorted(results::order(&call.query).1);
    let number = |name: &str, default: u64| {
        call.query.int(name).and_then(|number| u64::try_from(number).ok()).unwrap_or(default)
    };
    let start = usize::try_from(number("start", 0)).unwrap_or(usize::MAX);
    let limit = number("limit", 200).min(MOST_PAIRS) as usize;
    let rows: Vec<Value> = positions
        .iter()
        .skip(start)
        .take(limit)
        .filter_map(|at| kept.table.pairs.get(*at as usize))
        .map(|pair| results::pair_json(&results::pair_line(&kept.table, pair)))
        .collect();
    Ok(no_store(Answer::json(StatusCode::OK, &json!({"total": positions.len(), "rows": rows}))))
}

fn no_store(answer: Answer) -> Answer {
    answer.with_header("cache-control", "no-store".to_owned())
}
