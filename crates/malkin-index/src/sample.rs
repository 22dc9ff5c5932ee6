//! What goes into an index, and the table of samples that stands beside every segment.

use malkin_report::{BlockHash, FamilyId, FunctionId, PicHash, SampleId};

/// What may change about a sample while its code stays the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SampleFacts {
    /// Family of the sample.
    pub family_id: FamilyId,
    /// Whether the sample is a library.
    pub is_library: bool,
}

/// A function as the index wants it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexedFunction<'a> {
    /// Number of the function, unique within its sample.
    pub id: FunctionId,
    /// 0 stands for none and is not indexed.
    pub pichash: PicHash,
    /// Signature; empty if the function is too small to have one.
    pub minhash: &'a [u8],
    /// Hashes of its basic blocks. Repetitions are dropped.
    pub blocks: &'a [BlockHash],
}

/// A sample to insert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewSample<'a> {
    /// Number of the sample.
    pub id: SampleId,
    /// Family and library flag.
    pub facts: SampleFacts,
    /// Distinguishes this content of the sample from any other it ever had or will have: stored images are compared with it. 0 where
    /// nothing is stored.
    pub token: u64,
    /// Functions in any order.
    pub functions: &'a [IndexedFunction<'a>],
}

/// How the numbers of a sample's functions are remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FunctionIds {
    /// Consecutive from here, the usual case: no table needed.
    From(i64),
    /// Listed in the segment from this position on.
    Listed(u32),
}

/// One sample of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SampleRow {
    pub(crate) id: SampleId,
    pub(crate) token: u64,
    pub(crate) facts: SampleFacts,
    /// First function of the sample in the numbering of the segment.
    pub(crate) first_function: u32,
    pub(crate) num_functions: u32,
    pub(crate) function_ids: FunctionIds,
    pub(crate) live: bool,
}

/// Samples of a segment in ascending order of their numbers: the only part of a segment that ever changes, by being copied.
#[derive(Clone, Debug)]
pub(crate) struct SampleTable {
    rows: Vec<SampleRow>,
    dead_samples: usize,
    dead_functions: usize,
}

impl SampleTable {
    /// Rows must be in ascending order of their numbers.
    pub(crate) fn new(rows: Vec<SampleRow>) -> Self {
        debug_assert!(rows.is_sorted_by(|a, b| a.id < b.id));
        let mut table = Self { rows, dead_samples: 0, dead_functions: 0 };
        table.count();
        table
    }

    fn count(&mut self) {
        let dead = self.rows.iter().filter(|row| !row.live);
        (self.dead_samples, self.dead_functions) = dead
            .fold((0, 0), |(samples, functions), row| (samples + 1, functions + row.num_functions as usize));
    }

    pub(crate) fn rows(&self) -> &[SampleRow] {
        &self.rows
    }

    /// Position of a sample that was not removed.
    pub(crate) fn find_live(&self, id: SampleId) -> Option<usize> {
        let at = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        self.rows[at].live.then_some(at)
    }

    pub(crate) fn has_dead(&self) -> bool {
        self.dead_samples > 0
    }

    pub(crate) fn dead_functions(&self) -> usize {
        self.dead_functions
    }

    pub(crate) fn live_samples(&self) -> usize {
        self.rows.len() - self.dead_samples
    }

    pub(crate) fn remove(&mut self, at: usize) {
        self.rows[at].live = false;
        self.count();
    }

    pub(crate) fn set_facts(&mut self, at: usize, facts: SampleFacts) {
        self.rows[at].facts = facts;
    }
}
