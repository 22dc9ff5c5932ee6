//! What lies between functions of Intel code: padding of several lengths, runs of INT3, entries of hot-patchable
//! functions that look like padding.

use iced_x86::Mnemonic;

use super::Finder;
use super::filler::{begins_with_filler, is_entry_pad, is_single_filler, longest_filler, may_be_nop};
use super::prologue::is_long_prologue;
use crate::flow::Analysis;
use crate::flow::gap::GapStep;

/// Bytes looked at after a failed candidate for padding.
const RESUME_WINDOW: usize = 4_096;

/// Run of single-byte fillers skipped at once.
const RUN_WINDOW: usize = 256;

impl Analysis<'_, Finder<'_>> {
    /// What is at an address of a gap.
    pub(super) fn gap_step(&mut self, pointer: u64) -> GapStep {
        let window = self.view.window(pointer, RUN_WINDOW);
        if window.first().is_some_and(|&byte| is_single_filler(byte)) {
            let run = window.iter().take_while(|&&byte| is_single_filler(byte)).count();
            return GapStep::Skip(pointer + run as u64);
        }
        if let Some(length) = self.plain_nop(pointer, window) {
            return GapStep::Skip(pointer + length);
        }
        let step = self.filler_or_pad(pointer, window);
        if let GapStep::Skip(_) = step {
            return step;
        }
        self.skip_known(pointer).map_or(step, GapStep::Skip)
    }

    /// Length of a `nop` with prefixes.
    fn plain_nop(&self, pointer: u64, window: &[u8]) -> Option<u64> {
        if !may_be_nop(self.view.bits, *window.first()?) {
            return None;
        }
        // Decoded at its distance from the base, as the reference does.
        let instruction = self.isa.decoder.decode(window, pointer - self.view.base)?;
        self.is_plain_nop(&instruction, window).then_some(instruction.len() as u64)
    }

    fn is_plain_nop(&self, instruction: &iced_x86::Instruction, code: &[u8]) -> bool {
        if !matches!(
            instruction.mnemonic(),
            Mnemonic::Nop | Mnemonic::Reservednop | Mnemonic::Prefetchit0 | Mnemonic::Prefetchit1
        ) {
            return false;
        }
        let mut text = String::new();
        self.isa.writer.mnemonic(instruction, &code[..instruction.len().min(code.len())], &mut text);
        text == "nop"
    }

    /// Longer fillers. Two bytes that can open a hot-patchable function are not skipped when they are alone.
    fn filler_or_pad(&self, pointer: u64, window: &[u8]) -> GapStep {
        let Some(length) = longest_filler(window, 2) else { return GapStep::Code };
        if is_long_prologue(self.view.bits, window) {
            return GapStep::Code;
        }
        let is_pad = is_entry_pad(self.view.bits, &window[..length])
            && !pointer.wrapping_add(length as u64).is_multiple_of(16)
            && !begins_with_filler(&window[length..]);
        if is_pad { GapStep::PadOrCode } else { GapStep::Skip(pointer + length as u64) }
    }

    /// Where the padding after a failed candidate ends: after the code found there, or after the next run of INT3.
    pub(super) fn padding_after(&self, pointer: u64, failed_end: Option<u64>) -> Option<u64> {
        let padded = failed_end.filter(|&end| end > pointer).and_then(|end| self.padded_end(end));
        let breakpoints = self.breakpoint_run_end(pointer + 1);
        match (padded, breakpoints) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The next multiple of 16, if only padding lies before it.
    fn padded_end(&self, end: u64) -> Option<u64> {
        let code = self.view.window(end, 16);
        let mut at = 0;
        while !(end + at as u64).is_multiple_of(16) {
            let rest = code.get(at..).filter(|rest| !rest.is_empty())?;
            if rest[0] == 0xcc {
                at += 1;
                continue;
            }
            let instruction = self.isa.decoder.decode(rest, end + at as u64)?;
            if !self.is_plain_nop(&instruction, rest) {
                return None;
            }
            at += instruction.len();
        }
        (at > 0).then_some(end + at as u64)
    }

    /// End of the next run of INT3, if it is a multiple of 16 and lies in the window.
    fn breakpoint_run_end(&self, from: u64) -> Option<u64> {
        let window = self.view.window(from, RESUME_WINDOW);
        let start = memchr::memchr(0xcc, window)?;
        let length = window[start..].iter().position(|&byte| byte != 0xcc)?;
        let end = from + (start + length) as u64;
        end.is_multiple_of(16).then_some(end)
    }
}
