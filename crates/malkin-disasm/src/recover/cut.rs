//! Whether a function ends where padding, or another candidate, follows a call that may not return.

use super::Recovery;
use super::class::Class;
use super::state::{Row, State};
use crate::tables::patterns::{
    ENTRY_SHAPE_SCORE, LONGEST_FILLER, begins_with_filler, is_filler, is_long_prologue, longest_filler,
    prologue_score, starts_filler,
};

impl Recovery<'_> {
    /// Applies to ordinary instructions. Returns true when the function ends in front of this one.
    pub(super) fn maybe_cut(&mut self, address: u64, state: &mut State, previous: Option<Row>) -> bool {
        let Some(previous) = previous else { return false };
        if address == state.start {
            return false;
        }
        let after_call = previous.class == Class::Call;
        if !after_call && !self.is_filled_to_boundary(address) {
            return false;
        }
        let window = self.memory.window(address, LONGEST_FILLER);
        let padding = begins_with_filler(window) && self.is_padding(address, window);
        let by_padding = padding && self.memory.image.language.guess != "go";
        let by_candidate = self.candidates.get(address).is_some();
        let hot = is_long_prologue(self.memory.bits, window);
        let seed = if hot { address } else { address.wrapping_add(15) & !15 };
        if by_padding
            && !by_candidate
            && (self.memory.is_pe() || !after_call)
            && prologue_score(self.memory.bits, self.memory.window(seed, 9)) < ENTRY_SHAPE_SCORE
        {
            return false;
        }
        if !(by_padding || by_candidate) || !state.nothing_above(address) {
            return false;
        }
        state.remove_edge(self.address(previous), address);
        state.ending = true;
        state.end_block();
        state.sane = true;
        if padding {
            self.add_candidate(seed, true, None);
        }
        true
    }

    /// Whether the bytes up to the next multiple of 16 are filler and what follows is not.
    fn is_filled_to_boundary(&self, address: u64) -> bool {
        let distance = (address.wrapping_neg() % 16) as usize;
        let window = self.memory.window(address, LONGEST_FILLER);
        if distance == 0
            || window.len() <= distance
            || !starts_filler(window[0])
            || starts_filler(window[distance])
        {
            return false;
        }
        let mut at = 0;
        while at < distance {
            match longest_filler(&window[at..distance], 1) {
                Some(length) => at += length,
                None => return false,
            }
        }
        true
    }

    /// Whether the instructions here are filler up to a multiple of 16, and no return follows.
    fn is_padding(&self, address: u64, window: &[u8]) -> bool {
        let mut at = 0;
        let mut reached = false;
        while let Some(instruction) = self.decoder.decode(&window[at..], address.wrapping_add(at as u64)) {
            let end = at + instruction.len();
            if reached || !is_filler(&window[at..end]) {
                let class = Class::of(&instruction);
                return reached && !matches!(class, Class::Leave | Class::Return);
            }
            at = end;
            reached = address.wrapping_add(at as u64).is_multiple_of(16);
        }
        reached
    }

    /// Notes a candidate found during the analysis and queues it.
    pub(super) fn add_candidate(&mut self, address: u64, in_gap: bool, source: Option<u64>) {
        if !self.memory.may_be_candidate(address) {
            return;
        }
        let Some((candidate, new)) = self.candidates.ensure(&self.memory, address) else { return };
        candidate.gap = in_gap;
        let mut changed = false;
        if let Some(source) = source.filter(|&source| source != 0) {
            changed = candidate.add_reference(source);
            self.candidates.call_targets.insert(source, address);
            self.mark_call_source(source);
        }
        self.candidates.enqueue(address);
        if changed && !new {
            self.candidates.rescore(address);
        }
    }
}
