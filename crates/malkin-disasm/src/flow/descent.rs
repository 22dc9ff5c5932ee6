//! Recursive descent: decodes everything that can be reached from one address and keeps it as the function in work.

use super::work::{Row, Work, mark};
use super::{Analysis, Decoded, InstructionSet, Step};

impl<I: InstructionSet> Analysis<'_, I> {
    pub(crate) fn has_mark(&self, work: &Work<I::Kind>, offset: usize, wanted: u32) -> bool {
        let value = self.marks.get(offset);
        value >> mark::BITS == work.number && value & wanted != 0
    }

    fn put_mark(&mut self, number: u32, offset: usize, wanted: u32) {
        if let Some(value) = self.marks.entry(offset) {
            let kept = if *value >> mark::BITS == number { *value } else { number << mark::BITS };
            *value = kept | wanted;
        }
    }

    /// Queues a block of the function under analysis, once.
    pub(crate) fn push(&mut self, work: &mut Work<I::Kind>, address: u64) {
        let Some(offset) = self.view.offset(address) else { return };
        if !self.has_mark(work, offset, mark::SEEN) {
            self.put_mark(work.number, offset, mark::SEEN);
            work.queue.push(address);
        }
    }

    /// Analyses the function at an address and stores it if it is one. `in_gap`: the address was found between functions,
    /// so the code has to prove itself. Returns the end of the straight run of code decoded from the start, if that code
    /// was found in a gap, is no function, and ends the way functions end.
    pub(crate) fn analyse(&mut self, start: u64, in_gap: bool, nesting: u32) -> Option<u64> {
        self.analyse_around(start, in_gap, None, nesting)
    }

    /// As [`Self::analyse`]; `tables` are the jump tables known from a first attempt that ran into them.
    fn analyse_around(
        &mut self,
        start: u64,
        in_gap: bool,
        tables: Option<&[(u64, u32)]>,
        nesting: u32,
    ) -> Option<u64> {
        if self.owner(start).is_some() || self.is_inside_declared(start) {
            self.abort(start);
            return None;
        }
        let (mut work, complete) = self.walk(start, in_gap, tables.unwrap_or_default());
        let extent = if !complete {
            self.abort(start);
            let absorbed = std::mem::take(&mut work.absorbed);
            self.restore(&absorbed, false, nesting);
            if in_gap { self.straight_extent(&mut work) } else { None }
        } else if tables.is_none() && self.runs_into_table(&work) {
            let extent = self.analyse_around(start, in_gap, Some(&work.tables), nesting);
            self.restore(&work.reverted, true, nesting);
            self.restore(&work.absorbed, false, nesting);
            extent
        } else {
            self.conclude(&mut work, in_gap, nesting);
            let failed = in_gap && self.functions.number_of(start).is_none();
            if failed { self.straight_extent(&mut work) } else { None }
        };
        self.spare.push(work);
        extent
    }

    /// Whether code was decoded out of bytes that turned out to be a jump table.
    fn runs_into_table(&self, work: &Work<I::Kind>) -> bool {
        work.tables.iter().any(|&(address, count)| {
            let offset = self.view.offset(address).unwrap_or(usize::MAX);
            (0..count as usize).any(|byte| self.has_mark(work, offset.saturating_add(byte), mark::COVERED))
        })
    }

    /// Decodes everything reachable from the start. False: two instructions of zero bytes were met.
    fn walk(&mut self, start: u64, in_gap: bool, tables: &[(u64, u32)]) -> (Work<I::Kind>, bool) {
        if self.analyses < mark::MAX_ANALYSES {
            self.analyses += 1;
        } else {
            self.budget.give_up();
        }
        let mut work = self.spare.pop().unwrap_or_else(Work::new);
        work.reset(start, self.analyses);
        for &(address, count) in tables {
            work.data.push((address, count));
            work.tables.push((address, count));
            self.mark_table(&work, address, count);
        }
        self.push(&mut work, start);
        while let Some(address) = work.queue.pop() {
            work.ending = false;
            work.latch = false;
            if !self.walk_block(&mut work, address, in_gap) {
                return (work, false);
            }
            if self.budget.is_exceeded() {
                break;
            }
        }
        (work, true)
    }

    /// Decodes one block. Returns false when the function has to be given up.
    fn walk_block(&mut self, work: &mut Work<I::Kind>, start: u64, in_gap: bool) -> bool {
        let mut address = start;
        let mut previous: Option<Row<I::Kind>> = None;
        let mut decoded = 0;
        while let Some(offset) = self.view.offset(address) {
            let Some(Decoded { instruction, kind, length }) = self.isa.decode(offset) else { break };
            decoded += 1;
            let row = Row { offset: offset as u32, length, kind };
            let length = usize::from(length);
            if !work.tables.is_empty()
                && (offset..offset + length).any(|at| self.has_mark(work, at, mark::TABLE))
            {
                if let Some(previous) = previous
                    && previous.offset as usize + usize::from(previous.length) == offset
                {
                    work.remove_edge(self.address(previous), address);
                }
                work.cut();
                break;
            }
            work.reachable = true;
            if self.view.data[offset] == 0
                && self.view.data[offset..offset + length].iter().all(|&byte| byte == 0)
            {
                work.zeros += 1;
                if work.zeros > 1 {
                    return false;
                }
            }
            if I::follow(self, &instruction, row, work, previous) == Step::Cut {
                break;
            }
            previous = Some(row);
            if !self.admit(row, work, in_gap) {
                work.ending = true;
            }
            if work.ending {
                work.end_block();
                break;
            }
            address = address.wrapping_add(length as u64);
        }
        self.budget.spend(decoded + 1);
        true
    }

    /// Adds an instruction to the function unless its address is taken.
    fn admit(&mut self, row: Row<I::Kind>, work: &mut Work<I::Kind>, in_gap: bool) -> bool {
        let offset = row.offset as usize;
        let address = self.address(row);
        if let Some(owner) = self.owners.get(offset).checked_sub(1) {
            let owner = self.functions.start_of(owner);
            if in_gap || !self.revert_gap_function(owner, work.start) {
                work.collisions.push(address);
                return false;
            }
            work.reverted.push(owner);
        } else if self.data.get(offset) || self.has_mark(work, offset, mark::COVERED) {
            return false;
        }
        if work.rows.last().is_some_and(|last| last.offset > row.offset) {
            work.sorted = false;
        }
        work.rows.push(row);
        work.open += 1;
        work.highest = Some(work.highest.map_or(address, |highest| highest.max(address)));
        let number = work.number;
        self.marks.update(offset, usize::from(row.length), |value| {
            let kept = if *value >> mark::BITS == number { *value } else { number << mark::BITS };
            *value = kept | mark::COVERED;
        });
        self.put_mark(number, offset, mark::START);
        if work.reachable {
            let next = address.wrapping_add(u64::from(row.length));
            if work.latch {
                work.jump_edge(address, next);
            } else {
                work.edge(address, next);
            }
        }
        work.latch = false;
        true
    }

    fn mark_table(&mut self, work: &Work<I::Kind>, address: u64, count: u32) {
        if let Some(offset) = self.view.offset(address) {
            for at in offset..offset + count as usize {
                self.put_mark(work.number, at, mark::TABLE);
            }
        }
    }

    /// Records a jump table entry, or another range of bytes that is no code.
    pub(crate) fn refer_table(&mut self, work: &mut Work<I::Kind>, from: u64, to: u64, count: u32) {
        // A function may jump over one long table a thousand times.
        self.budget.refer();
        if self.budget.is_exceeded() {
            return;
        }
        work.refer(from, to, count);
        work.tables.push((to, count));
        self.mark_table(work, to, count);
    }
}
