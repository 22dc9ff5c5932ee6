//! References to functions of other modules.

use malkin_loader::ApiName;
use rustc_hash::FxHashMap;

use super::{Analysis, InstructionSet};

/// API references by key: the first name seen for a key stays, and an instruction shows the name of the last key that
/// lists it. Keys are slot contents or slot addresses, so different imports can share one.
#[derive(Debug, Default)]
pub(crate) struct ApiReferences {
    rows: Vec<(ApiName, Vec<u64>)>,
    by_key: FxHashMap<u64, u32>,
    /// Slots used by code.
    slots: FxHashMap<u64, ApiName>,
}

impl ApiReferences {
    fn add(&mut self, key: u64, name: &ApiName, source: u64) {
        let rows = &mut self.rows;
        let row = *self.by_key.entry(key).or_insert_with(|| {
            rows.push((name.clone(), Vec::new()));
            rows.len() as u32 - 1
        });
        if let Some(row) = self.rows.get_mut(row as usize) {
            row.1.push(source);
        }
    }

    /// The API each instruction shows.
    pub(crate) fn by_instruction(&self) -> FxHashMap<u64, &ApiName> {
        let all =
            self.rows.iter().flat_map(|(name, sources)| sources.iter().map(move |&source| (source, name)));
        all.collect()
    }

    /// Slots that code uses, with their APIs.
    pub(crate) fn slots(&self) -> &FxHashMap<u64, ApiName> {
        &self.slots
    }
}

impl<I: InstructionSet> Analysis<'_, I> {
    /// Looks up a slot and notes the reference under `key`. Returns whether there is an API behind it.
    pub(crate) fn note_api(&mut self, source: u64, slot: u64, key: u64) -> bool {
        if slot == 0 {
            return false;
        }
        let image = self.view.image;
        let Some(name) = image.api(slot, Some(key)) else { return false };
        self.apis.add(key, name, source);
        self.apis.slots.insert(slot, name.clone());
        true
    }

    /// Notes the API of a slot for a call through a register. A slot outside of the image counts as used only when it was
    /// computed.
    pub(crate) fn note_slot_api(&mut self, source: u64, slot: u64, key: u64, computed: bool) {
        let image = self.view.image;
        if let Some(name) = image.apis.get(&slot) {
            self.apis.add(key, name, source);
            if computed || self.view.contains(slot) {
                self.apis.slots.insert(slot, name.clone());
            }
        }
    }
}
