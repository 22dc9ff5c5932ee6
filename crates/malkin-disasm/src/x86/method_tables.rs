//! Methods of Delphi programs that nothing calls directly: entries of method tables most of whose other entries are
//! recovered functions. 32-bit code only, after everything else.

use rustc_hash::FxHashSet;

use super::Finder;
use crate::flow::{Analysis, InstructionSet};

/// Size of an entry.
const ENTRY: usize = 4;

/// Fewest entries of a table.
const MIN_ENTRIES: usize = 4;

/// Least share of entries that are recovered functions.
const MIN_KNOWN: f64 = 0.8;

impl Analysis<'_, Finder<'_>> {
    /// Analyses what the method tables name and nothing else found.
    pub(super) fn analyse_method_tables(&mut self) {
        if !self.view.image.language.delphi || self.view.bits != 32 {
            return;
        }
        let starts =
            self.functions.all().iter().filter(|function| function.alive).map(|function| function.start);
        let (Some(lowest), Some(highest)) = (starts.clone().min(), starts.max()) else { return };
        let referenced = self.referenced_data();
        let mut accepted = Vec::new();
        let mut run: Option<usize> = None;
        let entries = self.view.data.len() / ENTRY;
        for entry in 0..entries {
            let offset = entry * ENTRY;
            let inside = (lowest..=highest).contains(&self.entry_at(offset)) && self.owners.get(offset) == 0;
            match (inside, run) {
                (true, None) => run = Some(offset),
                (false, Some(start)) => {
                    self.admit_table(start, offset, &referenced, &mut accepted);
                    run = None;
                }
                _ => {}
            }
        }
        if let Some(start) = run {
            self.admit_table(start, entries * ENTRY, &referenced, &mut accepted);
        }
        for address in accepted {
            if !self.budget.spend(64) {
                return;
            }
            if self.owner(address).is_none() {
                self.analyse(address, false, 0);
            }
        }
    }

    fn entry_at(&self, offset: usize) -> u64 {
        let bytes = self.view.data.get(offset..).and_then(|rest| rest.first_chunk::<ENTRY>());
        bytes.map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)))
    }

    /// Addresses of the image that instructions refer to as data.
    fn referenced_data(&self) -> FxHashSet<u64> {
        let own = self.functions.all().iter().flat_map(|function| &function.data);
        own.chain(self.functions.loose_data()).map(|reference| reference.to).collect()
    }

    fn admit_table(
        &mut self,
        start: usize,
        end: usize,
        referenced: &FxHashSet<u64>,
        accepted: &mut Vec<u64>,
    ) {
        let count = (end - start) / ENTRY;
        if count < MIN_ENTRIES {
            return;
        }
        let offsets = || (start..end).step_by(ENTRY);
        let known =
            offsets().filter(|&offset| self.functions.number_of(self.entry_at(offset)).is_some()).count();
        let base = self.view.base;
        let is_referenced = offsets().any(|offset| referenced.contains(&(base + offset as u64)));
        if !is_referenced || (known as f64) < MIN_KNOWN * count as f64 {
            return;
        }
        for offset in offsets() {
            let address = self.entry_at(offset);
            let taken = self.functions.number_of(address).is_some() || self.owner(address).is_some();
            if taken || !self.view.may_be_candidate(address) {
                continue;
            }
            // All of them count as known before the first is analysed, so that none absorbs another.
            if let Some((candidate, _)) =
                self.candidates.ensure(address, || Finder::entry_shape(&self.view, address))
                && !candidate.late
            {
                candidate.late = true;
                accepted.push(address);
            }
        }
    }
}
