//! Jobs that change or delete samples and families. Each answers whether there was something to change.

use malkin_report::{FamilyId, SampleId};

use super::JobError;
use crate::engine::Engine;
use crate::memory::Touched;
use crate::request::Changes;

/// Changes a sample.
pub(super) fn sample(engine: &Engine, id: SampleId, changes: &Changes) -> Result<Vec<u8>, JobError> {
    let change = changes.of_sample();
    let store = engine.store();
    let done = engine
        .memory()
        .change(store, Touched::Sample(id), || store.modify_sample(id, &change, engine.now()))?;
    Ok(answer(done))
}

/// Changes a family.
pub(super) fn family(engine: &Engine, id: FamilyId, changes: &Changes) -> Result<Vec<u8>, JobError> {
    let change = changes.of_family();
    let store = engine.store();
    let done = engine
        .memory()
        .change(store, Touched::Family(id), || store.modify_family(id, &change, engine.now()))?;
    Ok(answer(done))
}

/// Deletes a sample.
pub(super) fn delete_sample(engine: &Engine, id: SampleId) -> Result<Vec<u8>, JobError> {
    let store = engine.store();
    let done =
        engine.memory().change(store, Touched::Sample(id), || store.delete_sample(id, engine.now()))?;
    Ok(answer(done))
}

/// Deletes a family.
pub(super) fn delete_family(engine: &Engine, id: FamilyId, keep_samples: bool) -> Result<Vec<u8>, JobError> {
    let store = engine.store();
    let done = engine
        .memory()
        .change(store, Touched::Family(id), || store.delete_family(id, keep_samples, engine.now()))?;
    Ok(answer(done))
}

fn answer(done: bool) -> Vec<u8> {
    done.to_string().into_bytes()
}
