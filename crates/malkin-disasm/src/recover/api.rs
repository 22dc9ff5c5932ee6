//! References to functions of other modules.

use iced_x86::{Mnemonic, OpKind, Register};
use malkin_loader::ApiName;
use rustc_hash::FxHashMap;

use super::Recovery;
use super::class::Class;

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

impl Recovery<'_> {
    /// Looks up a slot and notes the reference under `key`. Returns whether there is an API behind it.
    pub(super) fn note_api(&mut self, source: u64, slot: u64, key: u64) -> bool {
        if slot == 0 {
            return false;
        }
        let image = self.memory.image;
        let Some(name) = image.api(slot, Some(key)) else { return false };
        self.apis.add(key, name, source);
        self.apis.slots.insert(slot, name.clone());
        true
    }

    /// Notes the API of a slot for a call through a register. A slot outside of the image counts as used only when it was
    /// computed.
    pub(super) fn note_slot_api(&mut self, source: u64, slot: u64, key: u64, computed: bool) {
        let image = self.memory.image;
        if let Some(name) = image.apis.get(&slot) {
            self.apis.add(key, name, source);
            if computed || self.memory.contains(slot) {
                self.apis.slots.insert(slot, name.clone());
            }
        }
    }

    /// The slot an import stub jumps through.
    pub(super) fn slot_of_stub(&self, target: u64) -> Option<u64> {
        if !self.memory.image.import_stubs.iter().any(|range| range.0 <= target && target < range.1) {
            return None;
        }
        let window = self.memory.window(target, 15);
        let mut at = 0;
        loop {
            let address = target.wrapping_add(at as u64);
            let instruction = self.decoder.decode(&window[at..], address)?;
            at += instruction.len();
            if matches!(instruction.mnemonic(), Mnemonic::Endbr32)
                || matches!(Class::of(&instruction), Class::Endbr64 | Class::Nop)
            {
                continue;
            }
            if Class::of(&instruction) != Class::Jump || instruction.op0_kind() != OpKind::Memory {
                return None;
            }
            if matches!(instruction.segment_prefix(), Register::FS | Register::GS) {
                return None;
            }
            return self.slot_of_jump(&instruction);
        }
    }

    fn slot_of_jump(&self, instruction: &iced_x86::Instruction) -> Option<u64> {
        let width = instruction.memory_size().size();
        let plain = instruction.memory_index() == Register::None;
        match instruction.memory_base() {
            Register::RIP if width == 8 => {
                let next = instruction.next_ip();
                let distance = instruction.memory_displacement64().wrapping_sub(next) as i64;
                let distance = if distance.unsigned_abs() <= 9 { 0 } else { distance };
                Some(next.wrapping_add_signed(distance))
            }
            Register::None if width == 4 && plain => {
                let slot = instruction.memory_displacement64() & self.memory.mask;
                (slot > 9).then_some(slot)
            }
            Register::EBX if width == 4 => {
                let distance = i64::from(instruction.memory_displacement64() as i32);
                let distance = if distance.unsigned_abs() <= 9 { 0 } else { distance };
                let image = self.memory.image;
                let slots = image.got_bases.iter().map(|base| base.wrapping_add_signed(distance));
                let imported = image.tables.imported_functions.as_ref()?;
                slots.into_iter().find(|slot| imported.contains_key(slot))
            }
            _ => None,
        }
    }
}
