//! Operations by which a server is watched: they answer whatever else it is doing.
//!
//! `/healthz` says that the process answers, `/readyz` that the store takes writes. Both are open without a token and say
//! no more than that, so that a load balancer needs none, and neither is counted by the limiter.

use http::StatusCode;
use malkin_service::Role;
use malkin_store::StoreError;
use serde_json::json;

use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::lane::Lane;
use crate::operation::Success;
use crate::triage::{LOST, detail};

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/healthz", Role::Reader, healthz, "Whether the server answers")
        .triage()
        .open()
        .head()
        .lane(Lane::Light)
        .original_id("healthz_healthz_get"),
    Operation::get("/readyz", Role::Reader, readyz, "Whether the store takes writes")
        .success(Success::Json)
        .open()
        .head()
        .ours(),
];

/// `GET /healthz`: the process answers and the files of its database are still there. It waits for nothing: whether the store takes
/// writes is the question of `/readyz`.
fn healthz(app: &App, _: &Call) -> Result<Answer, Answer> {
    match app.service.corpus.store().health() {
        Ok(()) => Ok(Answer::json(StatusCode::OK, &json!({"status": "ok"}))),
        Err(error) => {
            tracing::error!(%error, "the store is not healthy");
            let cause = match error {
                StoreError::Lost(_) => LOST,
                StoreError::Damaged { .. } => "the database is damaged, see the log",
                _ => "the store does not answer",
            };
            Err(detail(StatusCode::SERVICE_UNAVAILABLE, &json!(cause)))
        }
    }
}

/// `GET /readyz`: whether the store takes writes.
fn readyz(app: &App, _: &Call) -> Result<Answer, Answer> {
    let is_ready = app.readiness.ask(|| match app.service.corpus.store().try_write() {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "the store takes no writes");
            false
        }
    });
    if is_ready {
        return Ok(Answer::json(StatusCode::OK, &json!({"status": "ready"})));
    }
    Err(Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "not ready"})))
}
