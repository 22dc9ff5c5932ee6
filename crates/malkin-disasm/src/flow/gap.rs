//! The search of the space between functions: one address after the other is offered to the analysis, and what is
//! no padding, no data and no known code may be accepted. What padding looks like is the instruction set's to say.

use super::{Analysis, InstructionSet};

/// Length of padding that may as well be the entry of a function, in bytes.
const RETAINED_PAD: u64 = 2;

/// What is at an address between functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GapStep {
    /// Nothing to analyse; the search goes on at this higher address.
    Skip(u64),
    /// Perhaps a function.
    Code,
    /// Two bytes of padding that may as well be the entry of a function: if they are none, the search goes on after them.
    PadOrCode,
}

/// Where the search stands.
#[derive(Debug, Default)]
pub(crate) struct GapSearch {
    /// Starts of gaps between code, ascending, as they were when the search began.
    starts: Vec<u64>,
    /// Current address.
    pointer: u64,
    /// The last candidate handed out.
    previous: u64,
    /// Padding that was offered to the analysis.
    retained: Option<u64>,
    /// Where the code of a failed candidate ended.
    failed_end: Option<u64>,
}

impl<I: InstructionSet> Analysis<'_, I> {
    /// Offers one address after the other to the analysis.
    pub(super) fn search_gaps(&mut self) {
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

    /// The gaps between covered bytes, and before and after them in every code area that has code on that side.
    fn collect_gaps(&mut self) {
        let (base, end) = (self.view.base, self.view.end());
        let mut runs: Vec<(u64, u64)> = Vec::new();
        self.owners.runs(|start, stop| runs.push((base + start as u64, base + stop as u64)));
        let lowest = runs.first().map_or(self.view.mask, |run| run.0);
        let highest = runs.last().map_or(0, |run| run.1 - 1);
        let areas = &self.view.image.code_areas;
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
                from = retained + RETAINED_PAD;
            }
            self.gaps.pointer = from;
        }
        self.gaps.retained = None;
        loop {
            let pointer = self.gaps.pointer;
            if pointer < self.view.base {
                // A code area may begin below the image, as section headers over the ELF header state: the search goes on with
                // the next gap.
                let next = self.next_gap(true);
                if next <= pointer {
                    return None;
                }
                self.gaps.pointer = next;
                continue;
            }
            self.view.offset(pointer)?;
            if !self.budget.spend(1) {
                return None;
            }
            let is_pad = match I::examine_gap(self, pointer) {
                GapStep::Skip(next) => {
                    self.gaps.pointer = next;
                    continue;
                }
                GapStep::Code => false,
                GapStep::PadOrCode => true,
            };
            if self.gaps.previous == pointer {
                self.gaps.pointer = self.next_gap(true);
                continue;
            }
            self.gaps.previous = pointer;
            if is_pad {
                self.gaps.retained = Some(pointer);
            }
            if self.view.may_be_candidate(pointer)
                && let Some((candidate, _)) =
                    self.candidates.ensure(pointer, || I::entry_shape(&self.view, pointer))
            {
                candidate.gap = true;
            }
            return Some(pointer);
        }
    }

    /// Where to go on when an address is data, code, or inside of something declared.
    pub(crate) fn skip_known(&mut self, pointer: u64) -> Option<u64> {
        if self.view.offset(pointer).is_some_and(|offset| self.data.get(offset)) {
            return Some(pointer + 1);
        }
        if self.owner(pointer).is_some() {
            return Some(self.next_gap(false));
        }
        if self.view.has_extents()
            && let Some(extent) = self.view.extent_at(pointer)
            && (extent.chained || self.functions.number_of(extent.begin).is_some())
        {
            return Some(extent.end);
        }
        if self.view.image.landing_pads.binary_search(&pointer).is_ok() {
            let range = self.view.frame_range_at(pointer);
            return Some(range.map_or(pointer + 1, |range| range.1));
        }
        if !self.view.in_linkage_table(pointer)
            && let Some(range) = self.view.frame_range_at(pointer)
            && self.functions.number_of(range.0).is_some()
        {
            return Some(range.1);
        }
        None
    }

    /// The next gap after the pointer. `resume`: no further than the end of the code here, or than the padding after
    /// a candidate that failed.
    fn next_gap(&mut self, resume: bool) -> u64 {
        let (pointer, end, mask) = (self.gaps.pointer, self.view.end(), self.view.mask);
        let after = self.gaps.starts.partition_point(|&start| start <= pointer);
        let mut next = match self.gaps.starts.get(after) {
            Some(&start) => start,
            None if self.view.base <= pointer && pointer < mask && mask < end => mask,
            None => end,
        };
        if resume {
            let bound = if let Some(owner) = self.owner(pointer) {
                self.functions.borders(self.functions.start_of(owner)).map(|borders| borders.1)
            } else {
                let failed_end = self.gaps.failed_end.take();
                I::resume_in_gap(self, pointer, failed_end)
            };
            next = bound.map_or(next, |bound| next.min(bound));
        }
        next
    }
}
