//! Addresses that may be function starts, what speaks for each, and the queue they wait in.

use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

/// Most candidates of one image; further ones are not noted.
const MAX_CANDIDATES: usize = 200_000;

/// Most call references noted for one candidate.
const MAX_REFERENCES: usize = 2_000;

/// What the bytes at an address say about a function that starts there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct EntryShape {
    /// What the shape adds to the priority in the queue.
    pub(crate) score: u32,
    /// Whether the code is a known prologue. Reports and the confidence of a function state it.
    pub(crate) is_prologue: bool,
    /// Whether it starts with a landing pad for indirect branches, as no code inside of a function should.
    pub(crate) landing_pad: bool,
}

/// A possible function start.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Address.
    pub(crate) address: u64,
    /// Shape of the code found there.
    pub(crate) shape: EntryShape,
    /// 16, 4 or 0.
    pub(crate) alignment: u32,
    /// Addresses of calls that lead here.
    pub(crate) references: Vec<u64>,
    /// A symbol table names it.
    pub(crate) symbol: bool,
    /// An exception directory names it.
    pub(crate) exception: bool,
    /// It is part of a chain of import stubs.
    pub(crate) stub: bool,
    /// The runtime tables of a language name it.
    pub(crate) language: bool,
    /// Known before the analysis started.
    pub(crate) initial: bool,
    /// Found between functions, or behind padding.
    pub(crate) gap: bool,
    /// Analysed.
    pub(crate) finished: bool,
    /// Not a function, or no longer.
    pub(crate) aborted: bool,
    /// Found behind everything else, and counted as known from the start.
    pub(crate) late: bool,
    /// Waits in the queue.
    queued: bool,
}

impl Candidate {
    /// A candidate without evidence.
    pub(crate) fn new(address: u64, shape: EntryShape) -> Self {
        Self {
            address,
            shape,
            alignment: if address.is_multiple_of(16) {
                16
            } else if address.is_multiple_of(4) {
                4
            } else {
                0
            },
            references: Vec::new(),
            symbol: false,
            exception: false,
            stub: false,
            language: false,
            initial: false,
            gap: false,
            finished: false,
            aborted: false,
            late: false,
            queued: false,
        }
    }

    /// Priority in the queue.
    pub(crate) fn score(&self) -> u64 {
        let count = self.references.len() as u64;
        let referenced = if count >= 10 { 10 + count / 10 } else { count };
        10_000 * u64::from(self.symbol)
            + 5_000 * u64::from(self.exception)
            + 1_000 * u64::from(self.stub)
            + 100 * u64::from(self.language)
            + u64::from(self.shape.score)
            + 10 * referenced
            + u64::from(self.alignment != 0)
    }

    /// Whether something other than the shape of the code says that this is an entry.
    pub(crate) fn has_evidence(&self) -> bool {
        self.symbol
            || self.exception
            || self.stub
            || self.language
            || self.shape.landing_pad
            || !self.references.is_empty()
    }

    /// Notes a call that leads here. Returns whether it is new.
    pub(crate) fn add_reference(&mut self, source: u64) -> bool {
        if self.references.len() >= MAX_REFERENCES || self.references.contains(&source) {
            return false;
        }
        self.references.push(source);
        true
    }
}

impl Candidate {
    /// Notes a call that cannot have been noted before.
    pub(crate) fn add_reference_unchecked(&mut self, source: u64) {
        if self.references.len() < MAX_REFERENCES {
            self.references.push(source);
        }
    }
}

/// All candidates of an image, and the queue.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    rows: Vec<Candidate>,
    by_address: FxHashMap<u64, u32>,
    /// Source of a noted call to the last target noted for it.
    pub(crate) call_targets: FxHashMap<u64, u64>,
    /// Score, then lowest address first; scores are those at the time of the push.
    heap: BinaryHeap<(u64, std::cmp::Reverse<u64>)>,
    frozen: usize,
}

impl Candidates {
    /// The candidate at an address.
    pub(crate) fn get(&self, address: u64) -> Option<&Candidate> {
        self.by_address.get(&address).map(|&row| &self.rows[row as usize])
    }

    /// The candidate at an address.
    pub(crate) fn get_mut(&mut self, address: u64) -> Option<&mut Candidate> {
        self.by_address.get(&address).map(|&row| &mut self.rows[row as usize])
    }

    /// The candidate at an address, made if there is room for it. The flag says whether it was made.
    /// `shape` reads the code at the address.
    pub(crate) fn ensure(
        &mut self,
        address: u64,
        shape: impl FnOnce() -> EntryShape,
    ) -> Option<(&mut Candidate, bool)> {
        let mut new = false;
        let row = match self.by_address.get(&address) {
            Some(&row) => row,
            None if self.rows.len() >= MAX_CANDIDATES => return None,
            None => {
                new = true;
                let row = self.rows.len() as u32;
                self.rows.push(Candidate::new(address, shape()));
                self.by_address.insert(address, row);
                row
            }
        };
        Some((&mut self.rows[row as usize], new))
    }

    /// All candidates in the order they were noted.
    pub(crate) fn all(&self) -> &[Candidate] {
        &self.rows
    }

    /// Whether the candidate was known before the analysis started.
    pub(crate) fn is_initial(&self, address: u64) -> bool {
        let known = |&row: &u32| (row as usize) < self.frozen || self.rows[row as usize].late;
        self.by_address.get(&address).is_some_and(known)
    }

    /// Queues all candidates known so far; from now on they are the initial ones.
    pub(crate) fn freeze(&mut self) {
        self.frozen = self.rows.len();
        for candidate in &mut self.rows {
            candidate.queued = true;
            self.heap.push((candidate.score(), std::cmp::Reverse(candidate.address)));
        }
    }

    /// Queues a candidate unless it waits already.
    pub(crate) fn enqueue(&mut self, address: u64) {
        let Some(&row) = self.by_address.get(&address) else { return };
        let candidate = &mut self.rows[row as usize];
        if !candidate.queued {
            candidate.queued = true;
            self.heap.push((candidate.score(), std::cmp::Reverse(address)));
        }
    }

    /// Pushes a waiting candidate again, with its score as of now.
    pub(crate) fn rescore(&mut self, address: u64) {
        if let Some(candidate) = self.get(address)
            && candidate.queued
        {
            let entry = (candidate.score(), std::cmp::Reverse(address));
            self.heap.push(entry);
        }
    }

    /// The next candidate to analyse. Those skipped on the way are gone until something queues them again.
    pub(crate) fn pop(&mut self, alignment: u32) -> Option<u64> {
        while let Some((score, std::cmp::Reverse(address))) = self.heap.pop() {
            let Some(candidate) = self.get_mut(address) else { continue };
            if !candidate.queued {
                continue;
            }
            let current = candidate.score();
            if current != score {
                self.heap.push((current, std::cmp::Reverse(address)));
                continue;
            }
            candidate.queued = false;
            let misaligned = alignment != 0
                && candidate.alignment < alignment
                && !candidate.exception
                && candidate.references.is_empty();
            if candidate.finished || current == 0 || misaligned {
                continue;
            }
            return Some(address);
        }
        None
    }

    /// The alignment nearly all much-called candidates have: 16, 4 or 0.
    pub(crate) fn alignment_floor(&self) -> u32 {
        let called: Vec<&Candidate> =
            self.rows.iter().filter(|candidate| candidate.references.len() > 1).collect();
        if called.len() <= 20 {
            return 0;
        }
        // The reference computes int(0.05 * n) in floating point.
        let budget = (0.05 * called.len() as f64) as usize;
        let below = |limit: u32| called.iter().filter(|candidate| candidate.alignment < limit).count();
        if below(16) <= budget {
            16
        } else if below(4) <= budget {
            4
        } else {
            0
        }
    }
}
