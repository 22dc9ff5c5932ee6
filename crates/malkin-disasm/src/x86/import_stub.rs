//! Import stubs: short code that jumps to a function of another module through a slot.

use iced_x86::{Mnemonic, OpKind, Register};

use super::Finder;
use super::instruction_kind::InstructionKind;
use crate::flow::Analysis;

impl Analysis<'_, Finder<'_>> {
    /// The slot an import stub jumps through.
    pub(super) fn slot_of_stub(&self, target: u64) -> Option<u64> {
        if !self.view.image.import_stubs.iter().any(|range| range.0 <= target && target < range.1) {
            return None;
        }
        let window = self.view.window(target, 15);
        let mut at = 0;
        loop {
            let address = target.wrapping_add(at as u64);
            let instruction = self.isa.decoder.decode(&window[at..], address)?;
            at += instruction.len();
            if matches!(instruction.mnemonic(), Mnemonic::Endbr32)
                || matches!(
                    InstructionKind::of(&instruction),
                    InstructionKind::Endbr64 | InstructionKind::Nop
                )
            {
                continue;
            }
            if InstructionKind::of(&instruction) != InstructionKind::Jump
                || instruction.op0_kind() != OpKind::Memory
            {
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
                let slot = instruction.memory_displacement64() & self.view.mask;
                (slot > 9).then_some(slot)
            }
            Register::EBX if width == 4 => {
                let distance = i64::from(instruction.memory_displacement64() as i32);
                let distance = if distance.unsigned_abs() <= 9 { 0 } else { distance };
                let image = self.view.image;
                let slots = image.got_bases.iter().map(|base| base.wrapping_add_signed(distance));
                let imported = image.tables.imported_functions.as_ref()?;
                slots.into_iter().find(|slot| imported.contains_key(slot))
            }
            _ => None,
        }
    }
}
