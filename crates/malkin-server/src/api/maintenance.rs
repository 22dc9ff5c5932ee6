//! Work on the whole corpus, always as a new job.

use malkin_service::Role;
use malkin_service::jobs::{Kind, kinds};
use serde_json::json;

use super::shape::store_failed;
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get(
        "/complete_minhashes",
        Role::Admin,
        complete_minhashes,
        "A job: computes signatures that are missing",
    )
    .effects(),
    Operation::get("/rebuild_index", Role::Admin, rebuild_index, "A job: rebuilds the index").effects(),
    Operation::get(
        "/rebuild_picblockhash_index",
        Role::Admin,
        rebuild_block_index,
        "A job: rebuilds the index and returns the number of block hashes",
    )
    .effects(),
    Operation::post(
        "/recompute_family_stats",
        Role::Admin,
        recompute_family_stats,
        "A job: recounts families",
    ),
    Operation::get(
        "/recalculate_pichashes",
        Role::Admin,
        recalculate_pichashes,
        "A job: recomputes the PicHashes of old samples",
    )
    .effects(),
    Operation::get(
        "/recalculate_minhashes",
        Role::Admin,
        recalculate_minhashes,
        "A job: recomputes all signatures",
    )
    .effects(),
    Operation::post(
        "/repair_minhashes",
        Role::Admin,
        repair_minhashes,
        "A job: recomputes signatures made by an older escaper",
    ),
];

/// `GET /complete_minhashes`
pub(super) fn complete_minhashes(app: &App, _: &Call) -> Result<Answer, Answer> {
    enqueue(app, &kinds::CompleteMinHashes)
}

/// `GET /rebuild_index`
pub(super) fn rebuild_index(app: &App, _: &Call) -> Result<Answer, Answer> {
    enqueue(app, &kinds::RebuildIndex)
}

/// `GET /rebuild_picblockhash_index`
pub(super) fn rebuild_block_index(app: &App, _: &Call) -> Result<Answer, Answer> {
    enqueue(app, &kinds::RebuildBlockIndex)
}

/// `POST /recompute_family_stats`
pub(super) fn recompute_family_stats(app: &App, _: &Call) -> Result<Answer, Answer> {
    enqueue(app, &kinds::RecomputeFamilyStats)
}

/// `GET /recalculate_pichashes`
pub(super) fn recalculate_pichashes(app: &App, _: &Call) -> Result<Answer, Answer> {
    enqueue(app, &kinds::RecalculatePicHashes)
}

/// `GET /recalculate_minhashes`
pub(super) fn recalculate_minhashes(app: &App, _: &Call) -> Result<Answer, Answer> {
    enqueue(app, &kinds::RecalculateMinHashes)
}

/// `POST /repair_minhashes`
pub(super) fn repair_minhashes(app: &App, _: &Call) -> Result<Answer, Answer> {
    enqueue(app, &kinds::RepairMinHashes)
}

fn enqueue(app: &App, work: &impl Kind) -> Result<Answer, Answer> {
    let id = app.service.jobs.enqueue(work, true).map_err(store_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}
