//! Taking functions back: those found in gaps that turn out to be part of others, bodies behind an early return, and what
//! is done with them when the function that took them is dropped itself.

use super::class::Class;
use super::state::State;
use super::{MAX_NESTING, Recovery};

/// Furthest distance of a body behind an early return from the start of the function, in bytes.
const MAX_ABSORB_DISTANCE: u64 = 0x100;

impl Recovery<'_> {
    /// Marks a candidate as no function.
    pub(super) fn abort(&mut self, address: u64) {
        if let Some(candidate) = self.candidates.get_mut(address) {
            candidate.finished = true;
            candidate.aborted = true;
        }
    }

    /// Whether an address lies inside of a declared function whose start was recovered and covers it.
    pub(super) fn is_inside_declared(&self, address: u64) -> bool {
        let frame =
            if self.memory.in_linkage_table(address) { None } else { self.memory.frame_range_at(address) };
        let start = match frame {
            Some(range) => Some(range.0),
            None => self.memory.extent_at(address).map(|extent| extent.begin),
        };
        let borders = start.and_then(|start| self.functions.borders(start));
        borders.is_some_and(|(lowest, end)| lowest <= address && address < end)
    }

    /// Removes a stored function; its references stay unless `references` says to remove them, too.
    fn remove(&mut self, start: u64, references: bool) {
        let Some(number) = self.functions.number_of(start) else { return };
        for row in self.functions.remove(number, references, self.memory.base) {
            self.owners.update(row.offset as usize, usize::from(row.length), |owner| *owner = 0);
        }
    }

    /// Removes a function found in a gap so that another one can have its bytes.
    pub(super) fn revert_gap_function(&mut self, owner: u64, current: u64) -> bool {
        let revertible =
            self.candidates.get(owner).is_some_and(|candidate| candidate.gap && !candidate.landing_pad);
        if owner == current || !revertible || self.functions.number_of(owner).is_none() {
            return false;
        }
        self.remove(owner, false);
        self.abort(owner);
        true
    }

    /// Analyses functions again that were taken apart, unless their start is covered now.
    pub(super) fn restore(&mut self, starts: &[u64], in_gap: bool, nesting: u32) {
        if nesting >= MAX_NESTING {
            return;
        }
        for &start in starts {
            if self.owner(start).is_some() {
                continue;
            }
            if let Some(candidate) = self.candidates.get_mut(start) {
                candidate.aborted = false;
            }
            self.analyse(start, in_gap, nesting + 1);
            if in_gap && self.functions.number_of(start).is_none() {
                self.abort(start);
            }
        }
    }

    /// Evidence that an address is the entry of a function of its own.
    pub(super) fn is_evident_entry(&self, address: u64) -> bool {
        let Some(candidate) = self.candidates.get(address) else { return true };
        candidate.has_evidence()
            || address.is_multiple_of(16)
                && matches!(self.memory.byte(address.wrapping_sub(1)), Some(0xcc | 0x90))
    }

    /// Whether the stored function at `target` is the rest of the function at `start`, behind an early return: everything
    /// from the fall-through to it is plain code ending in a `ret`.
    pub(super) fn is_behind_return(&self, target: u64, start: u64, through: u64) -> bool {
        if target <= start
            || target - start > MAX_ABSORB_DISTANCE
            || !(start < through && through < target)
            || self.memory.byte(target.wrapping_sub(1)) != Some(0xc3)
        {
            return false;
        }
        let mut address = through;
        let mut last = None;
        while address < target {
            let window = self.memory.window(address, (target - address) as usize);
            let Some(instruction) = self.decoder.decode(window, address) else { return false };
            let class = Class::of(&instruction);
            if self.functions.number_of(address).is_some() || matches!(class, Class::Breakpoint | Class::Nop)
            {
                return false;
            }
            last = Some(class);
            address += instruction.len() as u64;
        }
        last == Some(Class::Return)
    }

    /// Takes a stored function apart so that its code becomes part of the current one.
    pub(super) fn absorb(&mut self, target: u64, state: &mut State) -> bool {
        let absorbable = self.candidates.get(target).is_some_and(|candidate| !candidate.gap);
        if target == state.start || !absorbable || self.functions.number_of(target).is_none() {
            return false;
        }
        self.remove(target, true);
        self.abort(target);
        state.absorbed.push(target);
        true
    }
}
