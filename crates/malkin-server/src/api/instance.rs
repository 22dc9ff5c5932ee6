//! The instance as a whole: greeting, version, configuration, status, health, reset.

use malkin_codehash::{ESCAPER_FINGERPRINT, SMDA_VERSION};
use malkin_report::version_gate::MINHASH_COMPATIBILITY_THRESHOLD;
use malkin_service::Role;
use malkin_service::clock::second_time;
use malkin_service::jobs::kinds::CorpusStatistics;
use malkin_service::{ATTEMPTS, LEASE_MILLIS, MCRIT_VERSION, MatchParameters};
use serde_json::json;

use super::shape::store_failed;
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::lane::Lane;
use crate::operation::Parameter;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/", Role::Reader, welcome, "A greeting").lane(Lane::Light),
    Operation::get("/version", Role::Reader, version, "The version of MCRIT whose API this is")
        .lane(Lane::Light),
    Operation::get("/status", Role::Reader, status, "Counts of the corpus and versions of the hashing")
        .query(&[Parameter::flag("with_pichash")]),
    Operation::get("/config", Role::Reader, config, "The effective configuration, without secrets").ours(),
    Operation::get(
        "/corpus/statistics",
        Role::Reader,
        statistics,
        "A job: samples and functions by family and architecture, and their sizes",
    )
    .effects()
    .ours(),
    Operation::post("/respawn", Role::Admin, respawn, "Deletes everything but tokens and statistics"),
];

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

/// `GET /config`: what this instance works with; no secrets. The reference has the route and does not implement it.
#[expect(clippy::unnecessary_wraps, reason = "every handler has this shape")]
pub(super) fn config(app: &App, _: &Call) -> Result<Answer, Answer> {
    let minhash = app.service.corpus.hasher().config();
    let shinglers = &minhash.shinglers;
    let matching = MatchParameters::default();
    Ok(Answer::data(&json!({
        "version": MCRIT_VERSION,
        "storage": app.service.corpus.store().backend_name(),
        "server": {
            "token_required": app.requires_token(),
            "body_limit": app.settings().body_limit,
        },
        "queue": {"lease_seconds": LEASE_MILLIS / 1000, "attempts": ATTEMPTS},
        "minhash": {
            "strategy": minhash.strategy.number(),
            "min_instructions": minhash.min_instructions,
            "min_blocks": minhash.min_blocks,
            "signature_length": minhash.signature_length,
            "signature_bits": minhash.signature_bits,
            "seed": minhash.seed,
            "num_bands": app.service.corpus.index().num_bands(),
            "config_hash": minhash.config_hash(matching.pichash_size),
        },
        "shinglers": {
            "weight_strategy": shinglers.weight_strategy,
            "fuzzy_weight": shinglers.fuzzy_weight,
            "escaped_weight": shinglers.escaped_weight,
            "seed": shinglers.seed,
            "config_hash": shinglers.config_hash(),
        },
        "matching": {
            "pichash_size": matching.pichash_size,
            "band_matches_required": matching.band_matches_required,
            "minhash_threshold": matching.score_threshold,
            "pichash_implies_minhash_match": matching.pichash_implies_minhash,
        },
        "escaper": {"smda_version": SMDA_VERSION, "fingerprint": ESCAPER_FINGERPRINT},
    })))
}

/// `GET /status?with_pichash=`
pub(super) fn status(app: &App, call: &Call) -> Result<Answer, Answer> {
    let counts = app.service.corpus.counts().map_err(store_failed)?;
    let pichashes = if call.query.is_true("with_pichash") {
        Some(app.service.corpus.store().distinct_pichashes().map_err(store_failed)?)
    } else {
        None
    };
    let status = json!({
        "db_state": counts.state,
        "db_timestamp": second_time(counts.changed_at),
        // Clients written for MCRIT know its production engine only.
        "storage_type": "mongodb",
        "num_bands": app.service.corpus.index().num_bands(),
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

/// `GET /corpus/statistics`, ours: equal requests are one job as long as the corpus does not change.
fn statistics(app: &App, _: &Call) -> Result<Answer, Answer> {
    let request = CorpusStatistics::of(&app.service.corpus).map_err(store_failed)?;
    let id = app.service.jobs.enqueue(&request, false).map_err(store_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}

/// `POST /respawn`
pub(super) fn respawn(app: &App, _: &Call) -> Result<Answer, Answer> {
    app.service.respawn().map_err(store_failed)?;
    Ok(Answer::data(&json!({"message": "Successfully performed reset of MCRIT instance."})))
}
