//! Cuts the instructions of a function into basic blocks.

use super::state::{Edge, Row};

/// Edges of a function with repeated ones merged, by source and by target.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// Sorted by source, then target; dead ones stay.
    edges: Vec<Edge>,
    /// Targets ever referred to, ascending, with the number of edges that are alive.
    targets: Vec<(u64, u32)>,
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
    /// Merges the edges of an analysis.
    pub(crate) fn new(raw: &[Edge]) -> Self {
        let mut edges = raw.to_vec();
        edges.sort_by_key(|edge| (edge.from, edge.to));
        edges.dedup_by(|later, kept| {
            let same = later.from == kept.from && later.to == kept.to;
            if same {
                kept.alive |= later.alive;
            }
            same
        });
        let mut targets: Vec<(u64, u32)> =
            edges.iter().map(|edge| (edge.to, u32::from(edge.alive))).collect();
        targets.sort_unstable_by_key(|target| target.0);
        targets.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 += later.1;
            }
            same
        });
        Self { edges, targets }
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

    fn span(&self, from: u64) -> std::ops::Range<usize> {
        let start = self.edges.partition_point(|edge| edge.from < from);
        let mut end = start;
        while self.edges.get(end).is_some_and(|edge| edge.from == from) {
            end += 1;
        }
        start..end
    }

    fn kill(&mut self, at: usize) {
        let edge = &mut self.edges[at];
        edge.alive = false;
        let to = edge.to;
        if let Ok(target) = self.targets.binary_search_by_key(&to, |target| target.0) {
            self.targets[target].1 = self.targets[target].1.saturating_sub(1);
        }
    }

    fn target(&self, address: u64) -> Option<u32> {
        self.targets.binary_search_by_key(&address, |target| target.0).ok().map(|at| self.targets[at].1)
    }
}

/// The blocks of sorted `rows`, by ascending start. `heads` are ascending; `collisions` are addresses where a fall-through
/// ran into another function (ascending), whose edge is removed when a block reaches it.
pub(crate) fn cut(
    rows: &[Row],
    base: u64,
    graph: &mut Graph,
    heads: &[u64],
    collisions: &[u64],
) -> Vec<BlockRun> {
    let mut blocks = Vec::with_capacity(heads.len());
    for &head in heads {
        let Ok(first) = rows.binary_search_by(|row| (base + u64::from(row.offset)).cmp(&head)) else {
            continue;
        };
        let mut end = first;
        while let Some(row) = rows.get(end) {
            end += 1;
            let next = rows.get(end).map(|next| base + u64::from(next.offset));
            if ends_here(*row, base, next, graph, heads, collisions) {
                break;
            }
        }
        blocks.push(BlockRun { first: first as u32, count: (end - first) as u32 });
    }
    blocks
}

fn ends_here(
    row: Row,
    base: u64,
    next: Option<u64>,
    graph: &mut Graph,
    heads: &[u64],
    collisions: &[u64],
) -> bool {
    let address = base + u64::from(row.offset);
    let span = graph.span(address);
    if !span.is_empty() {
        let mut alive = graph.edges[span.clone()].iter().filter(|edge| edge.alive);
        if let Some(next) = next
            && !row.class.is_call()
            && let Some(only) = alive.next()
            && (alive.next().is_some() || only.to != next)
        {
            return true;
        }
        let through = address + u64::from(row.length);
        if collisions.binary_search(&through).is_ok()
            && let Some(at) =
                span.into_iter().find(|&at| graph.edges[at].alive && graph.edges[at].to == through)
        {
            graph.kill(at);
            return true;
        }
    }
    if let Some(next) = next
        && let Some(count) = graph.target(next)
        && (count > 1 || heads.binary_search(&next).is_ok())
    {
        return true;
    }
    row.class.ends_block()
}
