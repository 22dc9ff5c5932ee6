//! Cuts the instructions of a function into basic blocks.

use super::InstructionKind;
use super::work::{Edge, Row};

/// Edges of a function with repeated ones merged.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// Sorted by source, then target; dead ones stay.
    edges: Vec<Edge>,
    /// Targets of edges that died after the degrees were counted.
    killed: Vec<u64>,
}

/// How many edges lead to an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Degree {
    /// None ever did.
    Never,
    /// At most one, perhaps none any more.
    Single,
    /// More than one.
    Shared,
}

/// A basic block: a run of the sorted instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BlockRun {
    /// Index of the first instruction.
    pub(crate) first: u32,
    /// Number of instructions, at least 1.
    pub(crate) count: u32,
}

impl BlockRun {
    /// Index behind the last instruction.
    pub(crate) fn end(self) -> usize {
        self.first as usize + self.count as usize
    }

    /// Indices of the instructions.
    pub(crate) fn span(self) -> std::ops::Range<usize> {
        self.first as usize..self.end()
    }
}

impl Graph {
    /// Merges the edges of an analysis, reusing memory.
    pub(crate) fn rebuild(&mut self, raw: &[Edge]) {
        self.killed.clear();
        self.edges.clear();
        self.edges.extend_from_slice(raw);
        self.edges.sort_unstable_by_key(|edge| (edge.from, edge.to));
        self.edges.dedup_by(|later, kept| {
            let same = later.from == kept.from && later.to == kept.to;
            if same {
                kept.alive |= later.alive;
            }
            same
        });
    }

    /// All edges, dead ones included.
    pub(crate) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Edges that are alive.
    pub(crate) fn alive(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(|edge| edge.alive)
    }

    /// Whether there is an edge that is alive.
    pub(crate) fn has(&self, from: u64, to: u64) -> bool {
        self.edges
            .binary_search_by_key(&(from, to), |edge| (edge.from, edge.to))
            .is_ok_and(|at| self.edges[at].alive)
    }

    fn kill(&mut self, at: usize) {
        self.edges[at].alive = false;
        self.killed.push(self.edges[at].to);
    }

    /// The degree of an instruction, corrected by edges that died since `counted`.
    fn degree(&self, address: u64, counted: Degree) -> Degree {
        if counted != Degree::Shared || !self.killed.contains(&address) {
            return counted;
        }
        let alive = self.edges.iter().filter(|edge| edge.alive && edge.to == address).count();
        if alive > 1 { Degree::Shared } else { Degree::Single }
    }
}

/// Cuts a function into blocks.
#[derive(Debug)]
pub(crate) struct Cutter<'a, K, D> {
    /// Instructions in address order.
    pub(crate) rows: &'a [Row<K>],
    /// Address of offset 0.
    pub(crate) base: u64,
    /// Edges.
    pub(crate) graph: &'a mut Graph,
    /// Addresses that start a block, ascending; not all need be instructions.
    pub(crate) heads: &'a [u64],
    /// Addresses where a fall-through ran into another function, ascending. Its edge is removed when a block reaches it.
    pub(crate) collisions: &'a [u64],
    /// Degree of an instruction.
    pub(crate) degree: D,
}

impl<K: InstructionKind, D: Fn(u64) -> Degree> Cutter<'_, K, D> {
    /// The blocks, by ascending start.
    pub(crate) fn cut(&mut self) -> Vec<BlockRun> {
        let mut blocks = Vec::with_capacity(self.heads.len());
        let mut edge = 0;
        for (number, &head) in self.heads.iter().enumerate() {
            let Some(offset) = head.checked_sub(self.base).and_then(|offset| u32::try_from(offset).ok())
            else {
                continue;
            };
            let Ok(first) = self.rows.binary_search_by_key(&offset, |row| row.offset) else { continue };
            while edge > 0 && self.graph.edges[edge - 1].from >= head {
                edge -= 1;
            }
            let mut end = first;
            let mut later = number;
            while let Some(&row) = self.rows.get(end) {
                end += 1;
                if self.ends_here(row, end, &mut edge, &mut later) {
                    break;
                }
            }
            blocks.push(BlockRun { first: first as u32, count: (end - first) as u32 });
        }
        blocks
    }

    /// Whether the block ends with `row`; `end` is the index behind it. `edge` and `later` are positions in the edges and the
    /// heads that move along with the rows.
    fn ends_here(&mut self, row: Row<K>, end: usize, edge: &mut usize, later: &mut usize) -> bool {
        let address = self.base + u64::from(row.offset);
        let next = self.rows.get(end).map(|next| self.base + u64::from(next.offset));
        let edges = &self.graph.edges;
        while edges.get(*edge).is_some_and(|edge| edge.from < address) {
            *edge += 1;
        }
        let count = edges[*edge..].iter().take_while(|edge| edge.from == address).count();
        let span = *edge..*edge + count;
        if count > 0 {
            let mut alive = edges[span.clone()].iter().filter(|edge| edge.alive);
            if let Some(next) = next
                && !row.kind.is_call()
                && let Some(only) = alive.next()
                && (alive.next().is_some() || only.to != next)
            {
                return true;
            }
            let through = address + u64::from(row.length);
            if self.collisions.binary_search(&through).is_ok()
                && let Some(at) = span.into_iter().find(|&at| edges[at].alive && edges[at].to == through)
            {
                self.graph.kill(at);
                return true;
            }
        }
        if let Some(next) = next {
            while self.heads.get(*later).is_some_and(|&head| head < next) {
                *later += 1;
            }
            match self.graph.degree(next, (self.degree)(next)) {
                Degree::Never => {}
                Degree::Single if self.heads.get(*later) != Some(&next) => {}
                _ => return true,
            }
        }
        row.kind.ends_block()
    }
}
