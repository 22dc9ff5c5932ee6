//! What one request may use: work and memory, counted by those who parse, search and examine for it.
//!
//! Floor 0 has no clock, so work is counted in units (about the cost of one byte hashed or searched, or one row of a table read)
//! and the caller is asked now and then whether time is over. A parser charges before the work and ends, with what was
//! found by then, when the answer is no. Once a budget has ended, it stays ended.
//!
//! Not here: what time a thread has used (`malkin-service`), and limits of single tables, which stand where these are read.

use std::cell::Cell;
use std::fmt;

/// Which part of a budget ended it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ended {
    /// The units of work are used up.
    Work,
    /// So is the memory.
    Memory,
    /// So is the processor time.
    ProcessorTime,
    /// The deadline has passed.
    Deadline,
    /// The request is not wanted any more.
    Cancelled,
}

impl Ended {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Work, Self::Memory, Self::ProcessorTime, Self::Deadline, Self::Cancelled];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Memory => "memory",
            Self::ProcessorTime => "processor_time",
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Work => "it asks for more work than a file of its size may",
            Self::Memory => "it asks for more memory than one request may hold",
            Self::ProcessorTime => "the processor time of the request is used up",
            Self::Deadline => "the deadline of the request has passed",
            Self::Cancelled => "the request was cancelled",
        })
    }
}

/// Units of work between two questions to the caller: a millisecond, roughly.
const POLL_INTERVAL: u64 = 1 << 20;

/// Units that any file may cost, and further units for each of its bytes. Examining a real file costs less than 20 a byte.
const BASE_WORK: u64 = 64 << 20;
const WORK_PER_BYTE: u64 = 64;

/// What is left for one request. Shared by reference within one thread.
pub struct Budget<'a> {
    work: Cell<u64>,
    used: Cell<u64>,
    memory: Cell<u64>,
    polled: Cell<u64>,
    ended: Cell<Option<Ended>>,
    stop: Option<&'a dyn Fn() -> Option<Ended>>,
}

impl fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("work", &self.work.get())
            .field("memory", &self.memory.get())
            .field("ended", &self.ended.get())
            .finish_non_exhaustive()
    }
}

impl<'a> Budget<'a> {
    /// `work` units and `memory` bytes.
    pub fn new(work: u64, memory: u64) -> Self {
        Self {
            work: Cell::new(work),
            used: Cell::new(0),
            memory: Cell::new(memory),
            polled: Cell::new(0),
            ended: Cell::new(None),
            stop: None,
        }
    }

    /// What a file of `size` bytes may cost, with no limit of memory.
    pub fn for_size(size: usize) -> Self {
        Self::new(BASE_WORK.saturating_add((size as u64).saturating_mul(WORK_PER_BYTE)), u64::MAX)
    }

    /// Without limits.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX, u64::MAX)
    }

    /// The same with a memory limit in bytes.
    #[must_use]
    pub fn with_memory(self, memory: u64) -> Self {
        self.memory.set(memory);
        self
    }

    /// The same, asking `stop` about every million units of work.
    #[must_use]
    pub fn stopped_by(mut self, stop: &'a dyn Fn() -> Option<Ended>) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Takes units of work. Returns whether to go on.
    pub fn work(&self, units: u64) -> bool {
        if self.ended.get().is_some() {
            return false;
        }
        self.used.set(self.used.get().saturating_add(units));
        match self.work.get().checked_sub(units) {
            Some(left) => self.work.set(left),
            None => self.ended.set(Some(Ended::Work)),
        }
        if self.used.get() - self.polled.get() >= POLL_INTERVAL {
            self.polled.set(self.used.get());
            self.poll();
        }
        self.ended.get().is_none()
    }

    /// Takes bytes of memory. Returns whether to go on.
    pub fn hold(&self, bytes: u64) -> bool {
        if self.ended.get().is_none() {
            match self.memory.get().checked_sub(bytes) {
                Some(left) => self.memory.set(left),
                None => self.ended.set(Some(Ended::Memory)),
            }
        }
        self.ended.get().is_none()
    }

    /// Gives bytes back that were held.
    pub fn release(&self, bytes: u64) {
        self.memory.set(self.memory.get().saturating_add(bytes));
    }

    /// Asks the caller at once. Returns whether to go on.
    pub fn poll(&self) -> bool {
        if self.ended.get().is_none() {
            self.ended.set(self.stop.and_then(|stop| stop()));
        }
        self.ended.get().is_none()
    }

    /// What ended it, if anything did.
    pub fn ended(&self) -> Option<Ended> {
        self.ended.get()
    }

    /// Units of work taken so far.
    pub fn used(&self) -> u64 {
        self.used.get()
    }

    /// Bytes of memory left.
    pub fn memory_left(&self) -> u64 {
        self.memory.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_up_first_ends_it_for_good() {
        let budget = Budget::new(100, 10);
        assert!(budget.work(60) && budget.hold(10) && budget.work(40));
        assert!(!budget.hold(1));
        assert_eq!((budget.ended(), budget.used()), (Some(Ended::Memory), 100));
        budget.release(10);
        assert!(!budget.work(0) && !budget.hold(0), "ended is ended");
        let budget = Budget::new(100, 10);
        assert!(!budget.work(101));
        assert_eq!(budget.ended(), Some(Ended::Work));
    }

    #[test]
    fn the_caller_is_asked_now_and_then() {
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            (asked.get() == 3).then_some(Ended::Deadline)
        };
        let budget = Budget::unlimited().stopped_by(&stop);
        let steps = (0..100).take_while(|_| budget.work(POLL_INTERVAL / 2)).count();
        assert_eq!((steps, asked.get(), budget.ended()), (5, 3, Some(Ended::Deadline)));
        for (number, ended) in Ended::ALL.into_iter().enumerate() {
            assert_eq!(ended as usize, number);
        }
    }
}
