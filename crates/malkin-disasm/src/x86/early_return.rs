//! Bodies after an early return: code that a conditional jump reaches over a `ret` belongs to the function that jumps,
//! even when something found it first and stored it as a function.

use super::Finder;
use super::instruction_kind::InstructionKind;
use crate::flow::Analysis;

/// Furthest distance of a body after an early return from the start of the function, in bytes.
const MAX_ABSORB_DISTANCE: u64 = 0x100;

impl Analysis<'_, Finder<'_>> {
    /// Evidence that an address is the entry of a function of its own.
    pub(super) fn is_evident_entry(&self, address: u64) -> bool {
        let Some(candidate) = self.candidates.get(address) else { return true };
        candidate.has_evidence()
            || address.is_multiple_of(16)
                && matches!(self.view.byte(address.wrapping_sub(1)), Some(0xcc | 0x90))
    }

    /// Whether the stored function at `target` is the rest of the function at `start`, behind an early return: everything
    /// from the fall-through to it is plain code ending in a `ret`.
    pub(super) fn is_behind_return(&self, target: u64, start: u64, through: u64) -> bool {
        if target <= start
            || target - start > MAX_ABSORB_DISTANCE
            || !(start < through && through < target)
            || self.view.byte(target.wrapping_sub(1)) != Some(0xc3)
        {
            return false;
        }
        let mut address = through;
        let mut last = None;
        while address < target {
            let window = self.view.window(address, (target - address) as usize);
            let Some(instruction) = self.isa.decoder.decode(window, address) else { return false };
            let kind = InstructionKind::of(&instruction);
            if self.functions.number_of(address).is_some()
                || matches!(kind, InstructionKind::Breakpoint | InstructionKind::Nop)
            {
                return false;
            }
            last = Some(kind);
            address += instruction.len() as u64;
        }
        last == Some(InstructionKind::Return)
    }
}
