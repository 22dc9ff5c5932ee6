//! Functions that were accepted, and what becomes of an analysis when it is over.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Recovery;
use super::blocks::{BlockRun, Cutter, Degree, Graph};
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
    /// Control-flow edges of its instructions: source and target, ascending.
    pub(crate) edges: Vec<(u64, u64)>,
    /// References of its instructions to data.
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

/// All functions stored so far. References are known by the instruction they come from, whoever recorded them: those of
/// instructions that belong to no function, or to another one, are kept loose.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    all: Vec<Stored>,
    by_start: FxHashMap<u64, u32>,
    loose_edges: Vec<(u64, u64)>,
    loose_data: Vec<DataReference>,
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

    /// Everything ever stored.
    pub(crate) fn all(&self) -> &[Stored] {
        &self.all
    }

    /// Edges from instructions that are not in the function that recorded them.
    pub(crate) fn loose_edges(&self) -> &[(u64, u64)] {
        &self.loose_edges
    }

    /// References to data from instructions that are not in the function that recorded them.
    pub(crate) fn loose_data(&self) -> &[DataReference] {
        &self.loose_data
    }

    /// Takes a function back and returns the instructions of its blocks. Its references become loose, unless
    /// `references` says to drop all references from these instructions.
    pub(crate) fn remove(&mut self, number: u32, references: bool, base: u64) -> Vec<Row> {
        let Some(function) = self.all.get_mut(number as usize) else { return Vec::new() };
        function.alive = false;
        self.by_start.remove(&function.start);
        let all = std::mem::take(&mut function.rows);
        let blocks = std::mem::take(&mut function.blocks);
        let edges = std::mem::take(&mut function.edges);
        let data = std::mem::take(&mut function.data);
        let rows: Vec<Row> = blocks.iter().flat_map(|block| all[block.span()].iter().copied()).collect();
        self.loose_edges.extend(edges);
        self.loose_data.extend(data);
        if references {
            let starts: FxHashSet<u64> = rows.iter().map(|row| base + u64::from(row.offset)).collect();
            self.loose_edges.retain(|edge| !starts.contains(&edge.0));
            self.loose_data.retain(|reference| !starts.contains(&reference.from));
        }
        rows
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
            self.spare_graph = function.graph;
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
        let mut graph = std::mem::take(&mut self.spare_graph);
        graph.rebuild(&state.edges);
        self.count_degrees(state.number, &graph);
        let mut heads: Vec<u64> = Vec::with_capacity(state.edges.len() / 2 + 1);
        heads.extend(state.edges.iter().filter(|edge| edge.alive && edge.jump).map(|edge| edge.to));
        heads.push(state.start);
        heads.sort_unstable();
        heads.dedup();
        state.collisions.sort_unstable();
        let degree = |address: u64| self.degree(state.number, address);
        let mut cutter = Cutter {
            rows: &state.rows,
            base: self.memory.base,
            graph: &mut graph,
            heads: &heads,
            collisions: &state.collisions,
            degree,
        };
        let blocks = cutter.cut();
        if state.closed > 0 {
            self.store(state, &graph, &blocks);
        }
        Some(Finalised { graph, blocks })
    }

    /// Marks the targets of edges.
    fn count_degrees(&mut self, number: u32, graph: &Graph) {
        for edge in graph.edges() {
            let Some(offset) = self.memory.offset(edge.to) else { continue };
            let Some(value) = self.marks.entry(offset) else { continue };
            let kept = if *value >> mark::BITS == number { *value } else { number << mark::BITS };
            let counted = match edge.alive {
                true if kept & mark::REACHED != 0 => mark::SHARED,
                true => mark::REACHED,
                false => 0,
            };
            *value = kept | mark::TARGET | counted;
        }
    }

    fn degree(&self, number: u32, address: u64) -> Degree {
        let value = self.memory.offset(address).map_or(0, |offset| self.marks.get(offset));
        if value >> mark::BITS != number || value & mark::TARGET == 0 {
            Degree::Never
        } else if value & mark::SHARED == 0 {
            Degree::Single
        } else {
            Degree::Shared
        }
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
        let is_own =
            |from: u64| self.memory.offset(from).is_some_and(|at| self.has_mark(state, at, mark::START));
        let (data, loose_data): (Vec<_>, Vec<_>) =
            data.into_iter().partition(|reference| is_own(reference.from));
        let mut edges = Vec::with_capacity(graph.edges().len());
        let mut loose_edges = Vec::new();
        for edge in graph.alive() {
            let list = if is_own(edge.from) { &mut edges } else { &mut loose_edges };
            list.push((edge.from, edge.to));
        }
        self.functions.loose_data.extend(loose_data);
        self.functions.loose_edges.extend(loose_edges);
        let number = self.functions.add(Stored {
            start: state.start,
            rows: state.rows.clone(),
            blocks: blocks.to_vec(),
            borders: (lowest, end.unwrap_or(lowest)),
            edges,
            data,
            recursive: state.recursive,
            leaf: state.leaf,
            thunk: state.thunk,
            alive: true,
        });
        for row in &state.rows {
            self.owners.update(row.offset as usize, usize::from(row.length), |owner| *owner = number + 1);
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
            if !self.call_sources.any(row.offset as usize + 1, usize::from(row.length) - 1) {
                continue;
            }
            for offset in row.offset + 1..row.offset + u32::from(row.length) {
                if !self.call_sources.get(offset as usize) {
                    continue;
                }
                let is_start = rows.binary_search_by_key(&offset, |other| other.offset).is_ok();
                let source = self.memory.base + u64::from(offset);
                let Some(&target) = self.candidates.call_targets.get(&source).filter(|_| !is_start) else {
                    continue;
                };
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
            match rows.get(at + 1..).and_then(|rest| rest.binary_search_by_key(&next, |row| row.offset).ok())
            {
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
