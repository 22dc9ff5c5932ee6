//! The instance as a whole: greeting, version, status, health, reset, and maintenance of the index.

use malkin_codehash::{ESCAPER_FINGERPRINT, SMDA_VERSION};
use malkin_report::version_gate::MINHASH_COMPATIBILITY_THRESHOLD;
use malkin_service::MCRIT_VERSION;
use malkin_service::Request;
use malkin_service::clock::second_time;
use serde_json::json;

use super::shape::store_failed;
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// `GET /`
#[expect(clippy::unnecessary_wraps, reason = "every handler has this shape")]
pub(super) fn welcome(_: &App, _: &Call) -> Result<Answer, Answer> {
    Ok(Answer::data(&json!({"message": "Welcome to MCRIT"})))
}

/// `GET /version`: the version of MCRIT whose API this is.
#[expect(clippy::unnecessary_wraps, reason = "every handler has this shape")]
pub(super) fn version(_: &App, _: &Call) -> Result<Answer, Answer> {
    Ok(Answer::data(&json!({"version": MCRIT_VERSION})))
}

/// `GET /healthz`: the store answers.
pub(super) fn healthz(app: &App, _: &Call) -> Result<Answer, Answer> {
    let counts = app.engine.counts().map_err(store_failed)?;
    let status = json!({"status": "ok", "samples": counts.samples, "functions": counts.functions});
    Ok(Answer::data(&status))
}

/// `GET /status?with_pichash=`
pub(super) fn status(app: &App, call: &Call) -> Result<Answer, Answer> {
    let counts = app.engine.counts().map_err(store_failed)?;
    let pichashes = if call.query.is_true("with_pichash") {
        Some(app.engine.store().distinct_pichashes().map_err(store_failed)?)
    } else {
        None
    };
    let status = json!({
        "db_state": counts.state,
        "db_timestamp": second_time(counts.changed_at),
        // Clients written for MCRIT know its production engine only.
        "storage_type": "mongodb",
        "num_bands": app.engine.memory().num_bands(),
        "num_samples": counts.samples,
        "num_families": counts.families,
        "num_functions": counts.functions,
        "num_pichashes": pichashes,
        "smda_version": SMDA_VERSION,
        "escaper_fingerprint": ESCAPER_FINGERPRINT,
        "inline_xcfg_remaining": false,
        "minhash_compatibility_threshold": MINHASH_COMPATIBILITY_THRESHOLD,
        "num_samples_with_stale_minhashes": counts.samples_with_stale_minhashes,
    });
    Ok(Answer::data(&json!({"status": status})))
}

/// `POST /respawn`
pub(super) fn respawn(app: &App, _: &Call) -> Result<Answer, Answer> {
    app.engine.respawn().map_err(store_failed)?;
    Ok(Answer::data(&json!({"message": "Successfully performed reset of MCRIT instance."})))
}

/// `GET /rebuild_index`: always a new job.
pub(super) fn rebuild_index(app: &App, _: &Call) -> Result<Answer, Answer> {
    let id = app.engine.enqueue(&Request::RebuildIndex, true).map_err(store_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}
