//! Whether a function ends where padding, or another candidate, follows a call that may not return.

use super::filler::{LONGEST_FILLER, begins_with_filler, is_filler, longest_filler, starts_filler};
use super::instruction_kind::InstructionKind;
use super::prologue::{ENTRY_SHAPE_SCORE, is_long_prologue, prologue_score};
use super::{Finder, Row, Work};
use crate::flow::Analysis;
use crate::flow::image_view::ImageView;

impl Analysis<'_, Finder<'_>> {
    /// Applies to ordinary instructions. Returns true when the function ends before this one.
    pub(super) fn ends_before(&mut self, address: u64, work: &mut Work, previous: Option<Row>) -> bool {
        let Some(previous) = previous else { return false };
        if address == work.start {
            return false;
        }
        let after_call = previous.kind == InstructionKind::Call;
        if !after_call && !self.is_filled_to_boundary(address) {
            return false;
        }
        let window = self.view.window(address, LONGEST_FILLER);
        let padding = begins_with_filler(window) && self.is_padding(address, window);
        let by_padding = padding && self.view.image.language.guess != "go";
        let by_candidate = self.candidates.get(address).is_some();
        let hot = is_long_prologue(self.view.bits, window);
        let seed = if hot { address } else { address.wrapping_add(15) & !15 };
        if by_padding
            && !by_candidate
            && (self.view.is_pe() || !after_call)
            && prologue_score(self.view.bits, self.view.window(seed, 9)) < ENTRY_SHAPE_SCORE
        {
            return false;
        }
        if !(by_padding || by_candidate) || !work.nothing_above(address) {
            return false;
        }
        work.remove_edge(self.address(previous), address);
        work.cut();
        if padding {
            self.add_candidate(seed, true, None);
        }
        true
    }

    /// Whether the bytes up to the next multiple of 16 are filler and what follows is not.
    fn is_filled_to_boundary(&self, address: u64) -> bool {
        let distance = (address.wrapping_neg() % 16) as usize;
        let window = self.view.window(address, LONGEST_FILLER);
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
        while let Some(instruction) = self.isa.decoder.decode(&window[at..], address.wrapping_add(at as u64))
        {
            let end = at + instruction.len();
            if reached || !is_filler(&window[at..end]) {
                let kind = InstructionKind::of(&instruction);
                return reached && !matches!(kind, InstructionKind::Leave | InstructionKind::Return);
            }
            at = end;
            reached = address.wrapping_add(at as u64).is_multiple_of(16);
        }
        reached
    }
}

/// A function in a gap that has no proper end: a lone jump of the long form, or one block that leaves by a call or jump.
pub(super) fn is_plausible(view: &ImageView<'_>, work: &Work) -> bool {
    if let [only] = work.rows.as_slice()
        && only.kind == InstructionKind::Jump
    {
        return view.data.get(only.offset as usize) != Some(&SHORT_JUMP);
    }
    let last = work.rows.last();
    let leaves = last.is_some_and(|last| matches!(last.kind, InstructionKind::Jump | InstructionKind::Call));
    work.closed == 1 && leaves
}

/// Opcode of `jmp rel8`.
const SHORT_JUMP: u8 = 0xeb;
