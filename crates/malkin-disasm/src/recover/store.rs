//! Functions that were accepted, and what becomes of an analysis when it is over.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Recovery;
use super::blocks::{BlockRun, Graph, cut};
use super::class::Class;
use super::state::{DataReference, Row, State, mark};

/// A stored function.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Entry.
    pub(crate) start: u64,
    /// Instructions in address order.
    pub(crate) rows: Vec<Row>,
    /// Blocks by ascending start.
    pub(crate) blocks: Vec<BlockRun>,
    /// Lowest address, and first address behind the highest instruction.
    pub(crate) borders: (u64, u64),
    /// Control-flow edges: source and target.
    pub(crate) edges: Vec<(u64, u64)>,
    /// References to data.
    pub(crate) data: Vec<DataReference>,
    /// Calls itself.
    pub(crate) recursive: bool,
    /// Calls nothing.
    pub(crate) leaf: bool,
    /// Starts with a jump to an API.
    pub(crate) thunk: bool,
    /// Not taken back.
    pub(crate) alive: bool,
}

/// All functions stored so far, those taken back included because their references can outlive them.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    all: Vec<Stored>,
    by_start: FxHashMap<u64, u32>,
    /// Functions that were taken back and left references behind.
    stale: Vec<u32>,
}

impl Functions {
    /// Number of the stored function that starts at an address.
    pub(crate) fn number_of(&self, start: u64) -> Option<u32> {
        self.by_start.get(&start).copied()
    }

    /// Start of a function.
    pub(crate) fn start_of(&self, number: u32) -> u64 {
        self.all.get(number as usize).map_or(0, |function| function.start)
    }

    /// Extent of the stored function that starts at an address.
    pub(crate) fn borders(&self, start: u64) -> Option<(u64, u64)> {
        self.all.get(self.number_of(start)? as usize).map(|function| function.borders)
    }

    /// Extent of a function.
    pub(crate) fn borders_of(&self, number: u32) -> Option<(u64, u64)> {
        self.all.get(number as usize).map(|function| function.borders)
    }

    /// Instructions of a function, in address order.
    pub(crate) fn rows(&self, number: u32) -> impl Iterator<Item = Row> + '_ {
        self.all.get(number as usize).into_iter().flat_map(|function| function.rows.iter().copied())
    }

    /// Everything ever stored.
    pub(crate) fn all(&self) -> &[Stored] {
        &self.all
    }

    /// Takes a function back.
    pub(crate) fn remove(&mut self, number: u32, references: bool) {
        let Some(function) = self.all.get_mut(number as usize) else { return };
        function.alive = false;
        self.by_start.remove(&function.start);
        let rows = std::mem::take(&mut function.rows);
        function.blocks = Vec::new();
        if !references {
            self.stale.push(number);
            return;
        }
        function.edges = Vec::new();
        function.data = Vec::new();
        if self.stale.is_empty() {
            return;
        }
        // The reference keeps references by instruction address, so those of functions taken back earlier go as well.
        let bounds = function.borders;
        let base = bounds.0.wrapping_sub(rows.first().map_or(0, |row| u64::from(row.offset)));
        let starts: FxHashSet<u64> = rows.iter().map(|row| base.wrapping_add(u64::from(row.offset))).collect();
        for &other in &self.stale {
            if let Some(other) = self.all.get_mut(other as usize)
                && other.borders.0 < bounds.1
                && bounds.0 < other.borders.1
            {
                other.edges.retain(|edge| !starts.contains(&edge.0));
                other.data.retain(|reference| !starts.contains(&reference.from));
            }
        }
    }

    fn add(&mut self, function: Stored) -> u32 {
        let number = self.all.len() as u32;
        self.by_start.insert(function.start, number);
        self.all.push(function);
        number
    }
}

impl Recovery<'_> {
    /// Stores the function if it is one and does what follows from that.
    pub(super) fn conclude(&mut self, state: &mut State, in_gap: bool, nesting: u32) {
        if let Some(function) = self.finalise(state, in_gap) {
            self.resolve_register_calls(state, &function);
        }
        let absorbed = std::mem::take(&mut state.absorbed);
        self.restore(&absorbed, false, nesting);
        if let Some(candidate) = self.candidates.get_mut(state.start) {
            candidate.finished = true;
        }
        state.sort_rows();
        self.remove_conflicting_calls(state);
    }

    /// Decides whether the code is a function and stores it. `None`: rejected.
    fn finalise(&mut self, state: &mut State, in_gap: bool) -> Option<Finalised> {
        if in_gap && !state.sane && !self.is_plausible(state) {
            return None;
        }
        let start = self.memory.offset(state.start)?;
        if state.closed > 0 && !self.has_mark(state, start, mark::START) {
            return None;
        }
        state.sort_rows();
        let mut graph = Graph::new(&state.edges);
        let mut heads: Vec<u64> =
            state.edges.iter().filter(|edge| edge.alive && edge.jump).map(|edge| edge.to).collect();
        heads.push(state.start);
        heads.sort_unstable();
        heads.dedup();
        let mut collisions = std::mem::take(&mut state.collisions);
        collisions.sort_unstable();
        let blocks = cut(&state.rows, self.memory.base, &mut graph, &heads, &collisions);
        if state.closed > 0 {
            self.store(state, &graph, &blocks);
        }
        Some(Finalised { graph, blocks })
    }

    /// A function in a gap that has no proper end: a lone far jump, or one block that leaves by a call or jump.
    fn is_plausible(&self, state: &State) -> bool {
        if let [only] = state.rows.as_slice()
            && only.class == Class::Jump
        {
            return self.memory.data.get(only.offset as usize) != Some(&0xeb);
        }
        let leaves = state.rows.last().is_some_and(|last| matches!(last.class, Class::Jump | Class::Call));
        state.closed == 1 && leaves
    }

    fn store(&mut self, state: &mut State, graph: &Graph, blocks: &[BlockRun]) {
        let base = self.memory.base;
        let lowest = state.rows.first().map_or(0, |row| base + u64::from(row.offset));
        let end = state.rows.iter().map(|row| base + u64::from(row.offset) + u64::from(row.length)).max();
        let mut data = state.data_references.clone();
        data.sort_unstable();
        data.dedup();
        let number = self.functions.add(Stored {
            start: state.start,
            rows: state.rows.clone(),
            blocks: blocks.to_vec(),
            borders: (lowest, end.unwrap_or(lowest)),
            edges: graph.alive().map(|edge| (edge.from, edge.to)).collect(),
            data,
            recursive: state.recursive,
            leaf: state.leaf,
            thunk: state.thunk,
            alive: true,
        });
        for row in &state.rows {
            for at in row.offset..row.offset + u32::from(row.length) {
                self.owners.set(at as usize, number + 1);
            }
        }
        for &(address, count) in &state.data {
            if let Some(offset) = self.memory.offset(address) {
                self.data.set_range(offset, count as usize);
            }
        }
        self.budget.store(state.rows.len());
    }

    /// Bytes inside of instructions cannot start calls: references noted for them are taken back.
    fn remove_conflicting_calls(&mut self, state: &State) {
        let mut changed = Vec::new();
        let rows = &state.rows;
        for row in rows {
            for offset in row.offset + 1..row.offset + u32::from(row.length) {
                if !self.call_sources.get(offset as usize) {
                    continue;
                }
                let is_start = rows.binary_search_by_key(&offset, |other| other.offset).is_ok();
                let source = self.memory.base + u64::from(offset);
                let Some(&target) = self.candidates.call_targets.get(&source).filter(|_| !is_start) else { continue };
                if let Some(candidate) = self.candidates.get_mut(target) {
                    let count = candidate.references.len();
                    candidate.references.retain(|&reference| reference != source);
                    if candidate.references.len() != count {
                        changed.push(target);
                    }
                }
            }
        }
        changed.sort_unstable();
        changed.dedup();
        for target in changed {
            self.candidates.rescore(target);
        }
    }

    /// End of the contiguous code decoded from the start, if its last instruction ends a run.
    pub(super) fn straight_extent(&self, state: &mut State) -> Option<u64> {
        state.sort_rows();
        let rows = &state.rows;
        let start = u32::try_from(self.memory.offset(state.start)?).ok()?;
        let mut at = rows.binary_search_by_key(&start, |row| row.offset).ok()?;
        loop {
            let row = rows.get(at)?;
            let next = row.offset + u32::from(row.length);
            match rows.get(at + 1..).and_then(|rest| rest.binary_search_by_key(&next, |row| row.offset).ok()) {
                Some(skip) => at += 1 + skip,
                None => return row.class.ends_run().then(|| self.memory.base + u64::from(next)),
            }
        }
    }
}

/// Blocks and edges of a function that was not rejected.
#[derive(Debug)]
pub(super) struct Finalised {
    pub(super) graph: Graph,
    pub(super) blocks: Vec<BlockRun>,
}
