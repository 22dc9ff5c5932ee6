//! Work on the whole corpus, always as a new job.

use malkin_service::jobs::{Kind, kinds};
use serde_json::json;

use super::shape::store_failed;
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

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
