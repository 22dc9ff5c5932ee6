//! Graphs for tests and measurements: real functions of the golden reports and exports, and generated ones of every kind.

#![allow(dead_code, reason = "each test file uses a part")]

use malkin_pages::graph::{Edge, EdgeKind, FlowGraph, Size};
use malkin_report::Function;

/// A generator of numbers (xorshift64*), so that graphs follow from their seed.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `limit`, which is at least 1.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit as u64) as usize
    }
}

/// Width and height of a block's text as the pictures draw it.
fn size(lines: usize, columns: usize) -> Size {
    Size { width: 7 * columns.min(48) as u32 + 16, height: 14 * lines as u32 + 10 }
}

/// The graph of a function; its entry is the block at its address, or the first.
pub(crate) fn of_function(function: &Function) -> FlowGraph {
    let blocks = function.code.blocks();
    let number = |start| blocks.binary_search_by_key(&start, |block: &malkin_report::Block| block.start).ok();
    let mut edges = Vec::new();
    for (start, targets) in &function.blockrefs {
        let Some(from) = number(*start) else { continue };
        let targets: Vec<usize> = targets.iter().filter_map(|target| number(*target)).collect();
        for (at, to) in targets.iter().enumerate() {
            let kind = match (targets.len(), at) {
                (2, 0) => EdgeKind::False,
                (2, _) => EdgeKind::True,
                _ => EdgeKind::Jump,
            };
            edges.push(Edge { from: from as u32, to: *to as u32, kind });
        }
    }
    let sizes = blocks.iter().map(|block| {
        let columns =
            function.code.instructions(block).map(|one| one.mnemonic.len() + one.operands.len() + 10);
        size(block.len() + 1, columns.max().unwrap_or_default())
    });
    FlowGraph { blocks: sizes.collect(), edges, entry: number(function.offset).unwrap_or_default() as u32 }
}

/// Functions of the golden reports with two or more blocks: the `per_size` first ones of each number of blocks, up to
/// `largest`.
pub(crate) fn real(per_size: usize, largest: usize) -> Vec<(String, FlowGraph)> {
    let mut seen = std::collections::BTreeMap::<usize, usize>::new();
    let mut graphs = Vec::new();
    let mut take = |name: &str, function: &Function| {
        let blocks = function.num_blocks();
        let count = seen.entry(blocks).or_default();
        if blocks >= 2 && blocks <= largest && *count < per_size {
            *count += 1;
            graphs.push((format!("{name}:{:#x}", function.offset.get()), of_function(function)));
        }
    };
    for folder in ["disasm/golden/public", "codehash/golden/public/smda"] {
        let Some(folder) = malkin_testkit::shared(folder) else { continue };
        for path in malkin_testkit::files_in(folder, ".smda.gz") {
            let Ok(report) = malkin_wire::read_report(&malkin_testkit::read_gz(&path)) else { continue };
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            report.functions.iter().for_each(|function| take(&name, function));
        }
    }
    graphs.sort_by_key(|(name, graph)| (graph.blocks.len(), name.clone()));
    graphs
}

/// A generated graph: the kind and everything in it follow from the seed.
pub(crate) fn generated(seed: u64) -> FlowGraph {
    let mut numbers = Numbers::new(seed);
    let mut graph = match seed % 8 {
        0 | 1 => structured(&mut numbers),
        2 => irreducible(&mut numbers),
        3 => hub(&mut numbers),
        4 => chain(&mut numbers),
        5 => dense(&mut numbers),
        6 => islands(&mut numbers),
        _ => structured_with_jumps(&mut numbers),
    };
    for block in &mut graph.blocks {
        *block = size(1 + numbers.below(12), 4 + numbers.below(40));
    }
    // Repeated edges of other kinds, and blocks without a size.
    for _ in 0..numbers.below(4) {
        if !graph.edges.is_empty() {
            let mut edge = graph.edges[numbers.below(graph.edges.len())];
            edge.kind = kind(&mut numbers);
            graph.edges.push(edge);
        }
    }
    if numbers.below(20) == 0 && !graph.blocks.is_empty() {
        let at = numbers.below(graph.blocks.len());
        graph.blocks[at] = Size::default();
    }
    graph
}

fn kind(numbers: &mut Numbers) -> EdgeKind {
    use EdgeKind::{Exception, FallThrough, False, Jump, True};
    [False, True, Jump, FallThrough, Exception][numbers.below(5)]
}

fn blocks(count: usize, edges: Vec<Edge>, entry: usize) -> FlowGraph {
    FlowGraph { blocks: vec![Size::default(); count], edges, entry: entry as u32 }
}

fn edge(from: usize, to: usize, kind: EdgeKind) -> Edge {
    Edge { from: from as u32, to: to as u32, kind }
}

/// Sequences, branches, loops and switches put into each other, as a compiler makes them.
fn structured(numbers: &mut Numbers) -> FlowGraph {
    let mut edges = Vec::new();
    let mut count = 2;
    // Edges that are still to be replaced by a statement.
    let mut open = vec![(0, 1, EdgeKind::Jump)];
    let statements = 1 + numbers.below(60);
    for _ in 0..statements {
        let at = numbers.below(open.len());
        let (from, to, kind) = open.swap_remove(at);
        let new = count;
        match numbers.below(5) {
            0 => {
                count += 1;
                open.extend([(from, new, kind), (new, to, EdgeKind::FallThrough)]);
            }
            1 => {
                count += 2;
                open.extend([(from, new, kind), (new, to, EdgeKind::True)]);
                open.extend([(new, new + 1, EdgeKind::False), (new + 1, to, EdgeKind::Jump)]);
            }
            2 => {
                count += 2;
                open.extend([(from, new, kind), (new, new + 1, EdgeKind::False)]);
                open.extend([(new + 1, new, EdgeKind::Jump), (new, to, EdgeKind::True)]);
            }
            3 => {
                count += 1;
                open.extend([(from, new, kind), (new, to, EdgeKind::False)]);
                edges.push(edge(new, new, EdgeKind::True));
            }
            _ => {
                let cases = 2 + numbers.below(6);
                count += 1 + cases;
                open.push((from, new, kind));
                for case in 0..cases {
                    open.extend([
                        (new, new + 1 + case, EdgeKind::Jump),
                        (new + 1 + case, to, EdgeKind::Jump),
                    ]);
                }
            }
        }
    }
    edges.extend(open.into_iter().map(|(from, to, kind)| edge(from, to, kind)));
    blocks(count, edges, 0)
}

/// A structured program with `goto`s, `break`s and early ends.
fn structured_with_jumps(numbers: &mut Numbers) -> FlowGraph {
    let mut graph = structured(numbers);
    let count = graph.blocks.len();
    for _ in 0..=numbers.below(count / 4 + 1) {
        graph.edges.push(edge(numbers.below(count), numbers.below(count), kind(numbers)));
    }
    graph
}

/// Blocks with edges to anywhere: loops with several entries, blocks nothing reaches, edges into the entry.
fn irreducible(numbers: &mut Numbers) -> FlowGraph {
    let count = 2 + numbers.below(50);
    let mut edges = Vec::new();
    for from in 0..count {
        for _ in 0..numbers.below(3) {
            edges.push(edge(from, numbers.below(count), kind(numbers)));
        }
    }
    blocks(count, edges, numbers.below(count))
}

/// A switch of up to 256 cases, many of them ending in one block.
fn hub(numbers: &mut Numbers) -> FlowGraph {
    let cases = 2 + numbers.below(255);
    let mut edges = Vec::new();
    for case in 0..cases {
        edges.push(edge(0, 2 + case, EdgeKind::Jump));
        if numbers.below(8) > 0 {
            edges.push(edge(
                2 + case,
                if numbers.below(5) > 0 { 1 } else { 2 + numbers.below(cases) },
                EdgeKind::Jump,
            ));
        }
    }
    blocks(2 + cases, edges, 0)
}

/// A chain, sometimes with an edge back or a ring nothing reaches.
fn chain(numbers: &mut Numbers) -> FlowGraph {
    let count = 1 + numbers.below(80);
    let mut edges: Vec<Edge> = (1..count).map(|to| edge(to - 1, to, EdgeKind::FallThrough)).collect();
    for _ in 0..numbers.below(6) {
        edges.push(edge(numbers.below(count), numbers.below(count), EdgeKind::True));
    }
    let ring = numbers.below(5);
    edges.extend((0..ring).map(|at| edge(count + at, count + (at + 1) % ring, EdgeKind::Jump)));
    blocks(count + ring, edges, numbers.below(count))
}

/// Few blocks with very many edges.
fn dense(numbers: &mut Numbers) -> FlowGraph {
    let count = 1 + numbers.below(12);
    let edges = (0..numbers.below(count * count + 1))
        .map(|_| edge(numbers.below(count), numbers.below(count), kind(numbers)));
    blocks(count, edges.collect(), 0)
}

/// Several graphs that do not know each other, and blocks without any edge.
fn islands(numbers: &mut Numbers) -> FlowGraph {
    let mut all = blocks(0, Vec::new(), 0);
    for _ in 0..=numbers.below(4) {
        let first = all.blocks.len() as u32;
        let one = structured(numbers);
        all.blocks.extend(one.blocks);
        all.edges.extend(one.edges.iter().map(|edge| Edge {
            from: edge.from + first,
            to: edge.to + first,
            ..*edge
        }));
    }
    let alone = numbers.below(30);
    all.blocks.extend(vec![Size::default(); alone]);
    for _ in 0..numbers.below(alone + 1) {
        let at = all.blocks.len() - 1 - numbers.below(alone);
        all.edges.push(edge(at, at, kind(numbers)));
    }
    all
}

/// A chain of so many blocks.
pub(crate) fn long_chain(count: usize) -> FlowGraph {
    let edges = (1..count).map(|to| edge(to - 1, to, EdgeKind::FallThrough)).collect();
    sized(blocks(count, edges, 0))
}

/// A chain with random edges between any two blocks.
pub(crate) fn tangled_chain(count: usize, more: usize) -> FlowGraph {
    let mut graph = long_chain(count);
    let mut numbers = Numbers::new(7);
    let random = |_| edge(numbers.below(count), numbers.below(count), EdgeKind::Jump);
    graph.edges.extend((0..more).map(random));
    graph
}

/// So many branches one after another: none is a chain.
pub(crate) fn ladder(branches: usize) -> FlowGraph {
    let mut edges = Vec::new();
    for at in 0..branches {
        edges.push(edge(2 * at, 2 * at + 1, EdgeKind::False));
        edges.push(edge(2 * at, 2 * at + 2, EdgeKind::True));
        edges.push(edge(2 * at + 1, 2 * at + 2, EdgeKind::FallThrough));
    }
    sized(blocks(2 * branches + 1, edges, 0))
}

fn sized(mut graph: FlowGraph) -> FlowGraph {
    graph.blocks.fill(size(4, 24));
    graph
}
