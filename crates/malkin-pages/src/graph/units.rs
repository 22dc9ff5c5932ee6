//! What is laid out: units, each a block or a straight chain of blocks stacked on each other, and the distinct edges between them.
//!
//! A chain goes on from a block to the next as long as the edge between them is the only one that leaves the first and the only
//! one that enters the second. Blocks without any edge to another one are set aside and drawn in rows below.

use super::{CHAIN_GAP, EdgeKind, FlowGraph, GRID};

/// A distinct edge that is not inside of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Unit that is left, at the lower side of its last block.
    pub(super) from: usize,
    /// Unit that is entered, at the upper side of its first block.
    pub(super) to: usize,
    /// Number in the graph.
    pub(super) edge: usize,
}

/// The units of a graph.
#[derive(Debug)]
pub(super) struct Units {
    /// Blocks of each unit from top to bottom; the unit of the entry comes first.
    pub(super) blocks: Vec<Vec<u32>>,
    /// Edges between different units, by source, kind and target.
    pub(super) links: Vec<Link>,
    /// Edges from a unit to itself.
    pub(super) loops: Vec<Link>,
    /// Edges inside of chains, each from a block to the one under it.
    pub(super) inner: Vec<usize>,
    /// Units without an edge to another unit, the entry excepted.
    pub(super) apart: Vec<bool>,
    /// Width of each block as it is drawn, in pixels.
    pub(super) widths: Vec<i64>,
    /// Height of each unit, in pixels.
    pub(super) heights: Vec<i64>,
    /// Half of the width of each unit with room for its loops, a multiple of [`GRID`].
    pub(super) half: Vec<i64>,
    /// Where the links of each unit begin in `links`; one more than units.
    pub(super) first: Vec<usize>,
}

impl Units {
    pub(super) fn new(graph: &FlowGraph) -> Self {
        let edges = distinct_edges(graph);
        let next = chain_links(graph, &edges);
        let (blocks, unit_of) = chains(graph, &next);
        let count = blocks.len();
        let (mut links, mut loops, mut inner) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_inner = vec![false; graph.blocks.len()];
        for pair in blocks.iter().flat_map(|unit| unit.windows(2)) {
            is_inner[pair[0] as usize] = true;
        }
        for edge in edges {
            let (from, to) = (graph.edges[edge].from as usize, graph.edges[edge].to as usize);
            if is_inner[from] {
                inner.push(edge);
                continue;
            }
            let link = Link { from: unit_of[from], to: unit_of[to], edge };
            if link.from == link.to { loops.push(link) } else { links.push(link) }
        }
        links.sort_by_key(|link| (link.from, graph.edges[link.edge].kind, link.to, link.edge));
        let mut first = vec![0; count + 1];
        for link in &links {
            first[link.from + 1] += 1;
        }
        (0..count).for_each(|unit| first[unit + 1] += first[unit]);
        let mut apart = vec![true; count];
        for link in &links {
            apart[link.from] = false;
            apart[link.to] = false;
        }
        apart[0] = false;
        let mut units = Self {
            blocks,
            links,
            loops,
            inner,
            apart,
            widths: Vec::new(),
            heights: Vec::new(),
            half: Vec::new(),
            first,
        };
        units.measure(graph);
        units
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Numbers of the links that leave a unit.
    pub(super) fn leaving(&self, unit: usize) -> std::ops::Range<usize> {
        self.first[unit]..self.first[unit + 1]
    }

    /// The block at the top of a unit.
    pub(super) fn head(&self, unit: usize) -> usize {
        self.blocks[unit].first().map_or(0, |block| *block as usize)
    }

    /// The block at the bottom of a unit.
    pub(super) fn tail(&self, unit: usize) -> usize {
        self.blocks[unit].last().map_or(0, |block| *block as usize)
    }

    fn measure(&mut self, graph: &FlowGraph) {
        let mut ports = vec![[0_i64; 2]; self.len()];
        for link in self.links.iter().chain(&self.loops) {
            ports[link.from][1] += 1;
            ports[link.to][0] += 1;
        }
        self.widths = graph.blocks.iter().map(|size| round_up(i64::from(size.width))).collect();
        for (unit, [entering, leaving]) in ports.into_iter().enumerate() {
            for (block, count) in [(self.head(unit), entering), (self.tail(unit), leaving)] {
                self.widths[block] = self.widths[block].max(round_up(GRID * (count + 1)));
            }
        }
        let mut num_loops = vec![0; self.len()];
        self.loops.iter().for_each(|link| num_loops[link.from] += 1);
        for (unit, blocks) in self.blocks.iter().enumerate() {
            let heights = blocks.iter().map(|block| i64::from(graph.blocks[*block as usize].height));
            self.heights.push(heights.sum::<i64>() + CHAIN_GAP * (blocks.len() as i64 - 1));
            let width = blocks.iter().map(|block| self.widths[*block as usize]).max().unwrap_or_default();
            self.half.push(width / 2 + 2 * GRID * num_loops[unit]);
        }
    }
}

/// The next multiple of two grid steps, so that the middle of a block lies on the grid.
fn round_up(width: i64) -> i64 {
    (width.max(1) + 2 * GRID - 1) / (2 * GRID) * (2 * GRID)
}

/// Numbers of the first edge of each group of equal ones, ascending.
fn distinct_edges(graph: &FlowGraph) -> Vec<usize> {
    let key = |edge: &usize| {
        let edge = &graph.edges[*edge];
        (edge.from, edge.to, edge.kind)
    };
    let mut numbers: Vec<usize> = (0..graph.edges.len()).collect();
    numbers.sort_by_key(key);
    numbers.dedup_by_key(|edge| key(edge));
    numbers.sort_unstable();
    numbers
}

/// For each block the one that goes on its chain.
fn chain_links(graph: &FlowGraph, edges: &[usize]) -> Vec<Option<u32>> {
    let mut leaving = vec![0_usize; graph.blocks.len()];
    let mut entering = vec![0_usize; graph.blocks.len()];
    for edge in edges {
        leaving[graph.edges[*edge].from as usize] += 1;
        entering[graph.edges[*edge].to as usize] += 1;
    }
    let mut next = vec![None; graph.blocks.len()];
    for edge in edges {
        let edge = &graph.edges[*edge];
        let is_straight = leaving[edge.from as usize] == 1 && entering[edge.to as usize] == 1;
        // An exception is no straight way on.
        if is_straight && edge.from != edge.to && edge.to != graph.entry && edge.kind != EdgeKind::Exception {
            next[edge.from as usize] = Some(edge.to);
        }
    }
    next
}

/// The chains, that of the entry first, and for each block its chain.
fn chains(graph: &FlowGraph, next: &[Option<u32>]) -> (Vec<Vec<u32>>, Vec<usize>) {
    const NONE: usize = usize::MAX;
    let mut continues = vec![false; next.len()];
    next.iter().flatten().for_each(|block| continues[*block as usize] = true);
    let mut unit_of = vec![NONE; next.len()];
    let mut chains: Vec<Vec<u32>> = Vec::new();
    let starts = (0..next.len() as u32).filter(|block| !continues[*block as usize]);
    // What is left after those are rings of blocks that nothing enters: they begin at their lowest number.
    for start in std::iter::once(graph.entry).chain(starts).chain(0..next.len() as u32) {
        if unit_of[start as usize] != NONE {
            continue;
        }
        let mut chain = Vec::new();
        let mut at = Some(start);
        while let Some(block) = at.filter(|block| unit_of[*block as usize] == NONE) {
            unit_of[block as usize] = chains.len();
            chain.push(block);
            at = next[block as usize];
        }
        chains.push(chain);
    }
    (chains, unit_of)
}
