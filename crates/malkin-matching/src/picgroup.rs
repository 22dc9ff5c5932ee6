//! Groups of functions with equal PicHash: who is in them on the own side, and which indexed functions they bring.

use malkin_index::{FunctionRef, IndexReader, SampleNo};
use malkin_report::{FunctionId, PicHash};

use crate::query_side::OwnFunction;

/// Own functions by PicHash.
#[derive(Debug)]
pub(crate) struct PicGroups {
    /// PicHash and position of the own function, ascending.
    members: Vec<(PicHash, u32)>,
    /// Indexed functions without a PicHash, if these form a group too.
    without: Option<Vec<FunctionRef>>,
}

/// What one own function matches by PicHash.
#[derive(Debug, Default)]
pub(crate) struct PicMatches {
    /// Functions of other samples, ascending.
    pub(crate) foreign: Vec<FunctionRef>,
    /// All functions of the own sample in the group, if there are at least two.
    pub(crate) own: Vec<FunctionId>,
}

impl PicGroups {
    /// Functions without PicHash form a group of their own with the indexed functions `without`, or with nobody.
    pub(crate) fn new(functions: &[OwnFunction], without: Option<Vec<FunctionRef>>) -> Self {
        let mut members: Vec<(PicHash, u32)> =
            functions.iter().enumerate().map(|(at, function)| (function.pichash, at as u32)).collect();
        members.sort_unstable();
        Self { members, without }
    }

    /// Matches of the own function at `at`. Small functions have none: the size of a group is that of its first own member.
    pub(crate) fn matches(
        &self,
        functions: &[OwnFunction],
        at: usize,
        own: Option<SampleNo>,
        pichash_size: u64,
        reader: &IndexReader,
        matches: &mut PicMatches,
    ) {
        matches.foreign.clear();
        matches.own.clear();
        let pichash = functions[at].pichash;
        let from = self.members.partition_point(|(other, _)| *other < pichash);
        let group = self.members[from..].iter().take_while(|(other, _)| *other == pichash);
        let first = self.members[from].1 as usize;
        // The reference asks the first member only; equal PicHashes mean equal code, so the others are as large.
        if u64::from(functions[first].num_instructions) < pichash_size {
            return;
        }
        let mut indexed = 0;
        let mut add = |function: FunctionRef| {
            indexed += 1;
            if own == Some(function.sample) {
                matches.own.push(reader.function_id(function));
            } else {
                matches.foreign.push(function);
            }
        };
        match (&self.without, pichash.get()) {
            (Some(without), 0) => without.iter().copied().for_each(&mut add),
            // 0 stands for no PicHash: two functions without one have nothing in common.
            (None, 0) => return,
            _ => reader.with_pichash(pichash).for_each(&mut add),
        }
        // A PicHash that nothing indexed has forms no group, not even of equal own functions.
        if indexed > 0 {
            matches.own.extend(group.map(|(_, member)| functions[*member as usize].id));
            matches.own.sort_unstable();
            matches.own.dedup();
        }
        if matches.own.len() < 2 {
            matches.own.clear();
        }
        matches.foreign.sort_unstable();
    }
}
