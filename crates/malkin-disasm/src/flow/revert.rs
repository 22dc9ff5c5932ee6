//! Takes functions back: those found in gaps that turn out to be part of others, and bodies after an early return. They
//! are analysed again when the function that took them is dropped itself.

use super::work::Work;
use super::{Analysis, InstructionSet};

/// Deepest nesting of analyses that are started by an analysis (functions given back after they were absorbed).
const MAX_NESTING: u32 = 24;

impl<I: InstructionSet> Analysis<'_, I> {
    /// Whether an address lies inside of a declared function whose start was recovered and covers it.
    pub(crate) fn is_inside_declared(&self, address: u64) -> bool {
        let frame =
            if self.view.in_linkage_table(address) { None } else { self.view.frame_range_at(address) };
        let start = match frame {
            Some(range) => Some(range.0),
            None => self.view.extent_at(address).map(|extent| extent.begin),
        };
        let borders = start.and_then(|start| self.functions.borders(start));
        borders.is_some_and(|(lowest, end)| lowest <= address && address < end)
    }

    /// Removes a stored function; its references stay unless `references` says to remove them, too.
    fn remove(&mut self, start: u64, references: bool) {
        let Some(number) = self.functions.number_of(start) else { return };
        for row in self.functions.remove(number, references, self.view.base) {
            self.owners.update(row.offset as usize, usize::from(row.length), |owner| *owner = 0);
        }
    }

    /// Removes a function found in a gap so that another one can have its bytes.
    pub(crate) fn revert_gap_function(&mut self, owner: u64, current: u64) -> bool {
        let revertible =
            self.candidates.get(owner).is_some_and(|candidate| candidate.gap && !candidate.shape.landing_pad);
        if owner == current || !revertible || self.functions.number_of(owner).is_none() {
            return false;
        }
        self.remove(owner, false);
        self.abort(owner);
        true
    }

    /// Analyses functions again that were taken apart, unless their start is covered now.
    pub(crate) fn restore(&mut self, starts: &[u64], in_gap: bool, nesting: u32) {
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

    /// Takes a stored function apart so that its code becomes part of the current one.
    pub(crate) fn absorb(&mut self, target: u64, work: &mut Work<I::Kind>) -> bool {
        let absorbable = self.candidates.get(target).is_some_and(|candidate| !candidate.gap);
        if target == work.start || !absorbable || self.functions.number_of(target).is_none() {
            return false;
        }
        self.remove(target, true);
        self.abort(target);
        work.absorbed.push(target);
        true
    }
}
