//! Addresses that become candidates, before and during the analysis, and those that turn out to be none.

use super::candidate::Candidate;
use super::{Analysis, InstructionSet};

impl<I: InstructionSet> Analysis<'_, I> {
    /// Notes an address from a table as initial candidate.
    pub(crate) fn note(&mut self, address: u64, mark: impl FnOnce(&mut Candidate)) {
        if !self.view.may_be_candidate(address) {
            return;
        }
        if let Some((candidate, _)) = self.candidates.ensure(address, || I::entry_shape(&self.view, address))
        {
            mark(candidate);
        }
    }

    /// Notes a call that was found by searching, before anything is analysed. Each source is noted once.
    pub(crate) fn note_call(&mut self, target: u64, source: u64) {
        if self.view.may_be_candidate(target) {
            if let Some((candidate, _)) =
                self.candidates.ensure(target, || I::entry_shape(&self.view, target))
            {
                candidate.add_reference_unchecked(source);
                candidate.initial = true;
                self.candidates.call_targets.insert(source, target);
                self.mark_call_source(source);
            }
        } else if let Some(candidate) = self.candidates.get_mut(target) {
            candidate.initial = true;
        }
    }

    /// Notes a candidate found during the analysis and queues it.
    pub(crate) fn add_candidate(&mut self, address: u64, in_gap: bool, source: Option<u64>) {
        if !self.view.may_be_candidate(address) {
            return;
        }
        let Some((candidate, new)) = self.candidates.ensure(address, || I::entry_shape(&self.view, address))
        else {
            return;
        };
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

    /// Marks a candidate as no function.
    pub(crate) fn abort(&mut self, address: u64) {
        if let Some(candidate) = self.candidates.get_mut(address) {
            candidate.finished = true;
            candidate.aborted = true;
        }
    }

    fn mark_call_source(&mut self, address: u64) {
        if let Some(offset) = self.view.offset(address) {
            self.call_sources.set(offset);
        }
    }
}
