//! Functions that were accepted, with the references their instructions make.

use rustc_hash::{FxHashMap, FxHashSet};

use super::blocks::BlockRun;
use super::work::{DataReference, Row};

/// A stored function.
#[derive(Debug)]
pub(crate) struct Stored<K> {
    /// Entry.
    pub(crate) start: u64,
    /// Instructions in address order.
    pub(crate) rows: Vec<Row<K>>,
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
#[derive(Debug)]
pub(crate) struct Functions<K> {
    all: Vec<Stored<K>>,
    by_start: FxHashMap<u64, u32>,
    loose_edges: Vec<(u64, u64)>,
    loose_data: Vec<DataReference>,
}

impl<K> Default for Functions<K> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            by_start: FxHashMap::default(),
            loose_edges: Vec::new(),
            loose_data: Vec::new(),
        }
    }
}

impl<K: Copy> Functions<K> {
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
    pub(crate) fn all(&self) -> &[Stored<K>] {
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
    pub(crate) fn remove(&mut self, number: u32, references: bool, base: u64) -> Vec<Row<K>> {
        let Some(function) = self.all.get_mut(number as usize) else { return Vec::new() };
        function.alive = false;
        self.by_start.remove(&function.start);
        let all = std::mem::take(&mut function.rows);
        let blocks = std::mem::take(&mut function.blocks);
        let edges = std::mem::take(&mut function.edges);
        let data = std::mem::take(&mut function.data);
        let rows: Vec<Row<K>> = blocks.iter().flat_map(|block| all[block.span()].iter().copied()).collect();
        self.loose_edges.extend(edges);
        self.loose_data.extend(data);
        if references {
            let starts: FxHashSet<u64> = rows.iter().map(|row| base + u64::from(row.offset)).collect();
            self.loose_edges.retain(|edge| !starts.contains(&edge.0));
            self.loose_data.retain(|reference| !starts.contains(&reference.from));
        }
        rows
    }

    /// Adds a function and returns its number.
    pub(crate) fn add(&mut self, function: Stored<K>) -> u32 {
        let number = self.all.len() as u32;
        self.by_start.insert(function.start, number);
        self.all.push(function);
        number
    }

    /// Keeps references of instructions that are not in the function that recorded them.
    pub(crate) fn add_loose(&mut self, edges: Vec<(u64, u64)>, data: Vec<DataReference>) {
        self.loose_edges.extend(edges);
        self.loose_data.extend(data);
    }
}
