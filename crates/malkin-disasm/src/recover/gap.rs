//! Searches the space between recovered functions for more of them.

use iced_x86::Mnemonic;

use super::Recovery;
use crate::tables::patterns::{
    begins_with_filler, is_entry_pad, is_long_prologue, is_single_filler, longest_filler, may_be_nop,
};

/// Bytes looked at behind a failed candidate for padding.
const RESUME_WINDOW: usize = 4_096;

/// Run of single-byte fillers skipped at once.
const RUN_WINDOW: usize = 256;

/// Where the search stands.
#[derive(Debug, Default)]
pub(crate) struct GapScan {
    /// Starts of gaps between code, ascending, as they were when the search began.
    starts: Vec<u64>,
    /// Current address.
    pointer: u64,
    /// The last candidate handed out.
    previous: u64,
    /// Two bytes of padding that may as well be an entry.
    retained: Option<u64>,
    /// Where the code of a failed candidate ended.
    failed_end: Option<u64>,
}

impl Recovery<'_> {
    /// Offers one address after the other to the analysis.
    pub(super) fn scan_gaps(&mut self) {
        self.collect_gaps();
        let mut from = None;
        while let Some(address) = self.next_gap_candidate(from) {
            if !self.budget.spend(64) {
                return;
            }
            let extent = self.analyse(address, true, 0);
            if self.functions.number_of(address).is_none() {
                self.abort(address);
                self.gaps.failed_end = extent;
            }
            from = Some(self.next_gap(true));
        }
    }

    /// The gaps between covered bytes, and in front of and behind them in every code area that has code on that side.
    fn collect_gaps(&mut self) {
        let (base, end) = (self.memory.base, self.memory.end());
        let mut runs: Vec<(u64, u64)> = Vec::new();
        self.owners.runs(|start, stop| runs.push((base + start as u64, base + stop as u64)));
        let lowest = runs.first().map_or(self.memory.mask, |run| run.0);
        let highest = runs.last().map_or(0, |run| run.1 - 1);
        let areas = &self.memory.image.code_areas;
        let whole = [(base, u128::from(end))];
        let synthetic = areas.is_empty();
        let mut starts = Vec::new();
        for &(start, stop) in if synthetic { &whole[..] } else { areas } {
            if start < lowest && u128::from(lowest) < stop {
                starts.push(start);
            }
            if start < highest && u128::from(highest) < stop {
                starts.push(highest + u64::from(synthetic));
            }
        }
        // Addresses are compared with 0 as the start of the list, so a first run that starts at address 0 loses its gap.
        let gaps = runs.windows(2).map(|pair| pair[0].1).filter(|&start| start != 1);
        starts.extend(gaps);
        starts.sort_unstable();
        self.gaps.pointer = starts.first().copied().unwrap_or(end);
        self.gaps.starts = starts;
    }

    /// The next address worth an analysis.
    fn next_gap_candidate(&mut self, from: Option<u64>) -> Option<u64> {
        if let Some(mut from) = from {
            if let Some(retained) = self.gaps.retained
                && from > retained
                && self.owner(retained).is_none()
            {
                from = retained + 2;
            }
            self.gaps.pointer = from;
        }
        self.gaps.retained = None;
        loop {
            let pointer = self.gaps.pointer;
            if pointer < self.memory.base {
                // A code area may begin below the image, as section headers over the ELF header state: the scan goes on with
                // the next gap.
                let next = self.next_gap(true);
                if next <= pointer {
                    return None;
                }
                self.gaps.pointer = next;
                continue;
            }
            self.memory.offset(pointer)?;
            if !self.budget.spend(1) {
                return None;
            }
            let window = self.memory.window(pointer, RUN_WINDOW);
            let mut is_pad = false;
            if window.first().is_some_and(|&byte| is_single_filler(byte)) {
                let run = window.iter().take_while(|&&byte| is_single_filler(byte)).count();
                self.gaps.pointer += run as u64;
                continue;
            }
            if let Some(length) = self.plain_nop(pointer, window) {
                self.gaps.pointer += length;
                continue;
            }
            match self.filler_or_pad(pointer, window) {
                Filler::Skip(length) => {
                    self.gaps.pointer += length;
                    continue;
                }
                Filler::Pad => is_pad = true,
                Filler::None => {}
            }
            if let Some(next) = self.skip_known(pointer) {
                self.gaps.pointer = next;
                continue;
            }
            if self.gaps.previous == pointer {
                self.gaps.pointer = self.next_gap(true);
                continue;
            }
            self.gaps.previous = pointer;
            if is_pad {
                self.gaps.retained = Some(pointer);
            }
            if self.memory.may_be_candidate(pointer)
                && let Some((candidate, _)) = self.candidates.ensure(&self.memory, pointer)
            {
                candidate.gap = true;
            }
            return Some(pointer);
        }
    }

    /// Length of a `nop` with prefixes.
    fn plain_nop(&self, pointer: u64, window: &[u8]) -> Option<u64> {
        if !may_be_nop(self.memory.bits, *window.first()?) {
            return None;
        }
        // Decoded at its distance from the base, as the reference does.
        let instruction = self.decoder.decode(window, pointer - self.memory.base)?;
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
        self.writer.mnemonic(instruction, &code[..instruction.len().min(code.len())], &mut text);
        text == "nop"
    }

    /// Longer fillers. Two bytes that can open a hot-patchable function are not skipped when they are alone.
    fn filler_or_pad(&self, pointer: u64, window: &[u8]) -> Filler {
        let Some(length) = longest_filler(window, 2) else { return Filler::None };
        if is_long_prologue(self.memory.bits, window) {
            return Filler::None;
        }
        let is_pad = is_entry_pad(self.memory.bits, &window[..length])
            && !pointer.wrapping_add(length as u64).is_multiple_of(16)
            && !begins_with_filler(&window[length..]);
        if is_pad { Filler::Pad } else { Filler::Skip(length as u64) }
    }

    /// Where to go on when an address is data, code, or inside of something declared.
    fn skip_known(&mut self, pointer: u64) -> Option<u64> {
        if self.memory.offset(pointer).is_some_and(|offset| self.data.get(offset)) {
            return Some(pointer + 1);
        }
        if self.owner(pointer).is_some() {
            return Some(self.next_gap(false));
        }
        if self.memory.has_extents()
            && let Some(extent) = self.memory.extent_at(pointer)
            && (extent.chained || self.functions.number_of(extent.begin).is_some())
        {
            return Some(extent.end);
        }
        if self.memory.image.landing_pads.binary_search(&pointer).is_ok() {
            let range = self.memory.frame_range_at(pointer);
            return Some(range.map_or(pointer + 1, |range| range.1));
        }
        if !self.memory.in_linkage_table(pointer)
            && let Some(range) = self.memory.frame_range_at(pointer)
            && self.functions.number_of(range.0).is_some()
        {
            return Some(range.1);
        }
        None
    }

    /// The next gap behind the pointer. `resume`: no further than the end of the code here, or than the padding behind
    /// a candidate that failed.
    fn next_gap(&mut self, resume: bool) -> u64 {
        let (pointer, end, mask) = (self.gaps.pointer, self.memory.end(), self.memory.mask);
        let after = self.gaps.starts.partition_point(|&start| start <= pointer);
        let mut next = match self.gaps.starts.get(after) {
            Some(&start) => start,
            None if self.memory.base <= pointer && pointer < mask && mask < end => mask,
            None => end,
        };
        if resume {
            match self.owner(pointer) {
                Some(owner) => {
                    if let Some(borders) = self.functions.borders(self.functions.start_of(owner)) {
                        next = next.min(borders.1);
                    }
                }
                None => {
                    if let Some(target) = self.resume_target() {
                        next = next.min(target);
                    }
                }
            }
        }
        next
    }

    /// Where the padding behind a failed candidate ends.
    fn resume_target(&mut self) -> Option<u64> {
        let failed_end = self.gaps.failed_end.take();
        let pointer = self.gaps.pointer;
        let padded = failed_end.filter(|&end| end > pointer).and_then(|end| self.padded_end(end));
        let breakpoints = self.breakpoint_run_end(pointer + 1);
        match (padded, breakpoints) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The next multiple of 16, if only padding lies in front of it.
    fn padded_end(&self, end: u64) -> Option<u64> {
        let code = self.memory.window(end, 16);
        let mut at = 0;
        while !(end + at as u64).is_multiple_of(16) {
            let rest = code.get(at..).filter(|rest| !rest.is_empty())?;
            if rest[0] == 0xcc {
                at += 1;
                continue;
            }
            let instruction = self.decoder.decode(rest, end + at as u64)?;
            if !self.is_plain_nop(&instruction, rest) {
                return None;
            }
            at += instruction.len();
        }
        (at > 0).then_some(end + at as u64)
    }

    /// End of the next run of INT3, if it is a multiple of 16 and lies in the window.
    fn breakpoint_run_end(&self, from: u64) -> Option<u64> {
        let window = self.memory.window(from, RESUME_WINDOW);
        let start = memchr::memchr(0xcc, window)?;
        let length = window[start..].iter().position(|&byte| byte != 0xcc)?;
        let end = from + (start + length) as u64;
        end.is_multiple_of(16).then_some(end)
    }
}

/// What stands at an address of a gap.
enum Filler {
    /// Padding of a length.
    Skip(u64),
    /// Padding that may be an entry.
    Pad,
    /// Something else.
    None,
}
