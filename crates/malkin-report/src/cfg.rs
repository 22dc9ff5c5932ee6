//! Graph measures of a function (`docs/reference/similarity.md` 1.6): strongly connected components and nesting depth.
//!
//! Edges are those of [`crate::blockrefs`]. Nothing here recurses, and both measures take time about linear in the number
//! of edges, whatever a hostile report makes of them.

mod dominators;

use crate::address::Va;
use crate::function::Function;

/// Edges over dense node numbers: the blocks in ascending order, then targets where no block starts.
struct Graph {
    /// Address of each node.
    addresses: Vec<Va>,
    /// Where the successors of each node begin in `targets`; one more than nodes.
    first: Vec<u32>,
    targets: Vec<u32>,
}

impl Graph {
    /// `blockrefs` has ascending keys.
    fn new(blockrefs: &[(Va, Vec<Va>)]) -> Self {
        let mut addresses: Vec<Va> = blockrefs.iter().map(|edge| edge.0).collect();
        let blocks = addresses.len();
        let node = |known: &[Va], target: &Va| known.binary_search(target).ok();
        let mut outside: Vec<Va> = blockrefs.iter().flat_map(|edge| &edge.1).copied().collect();
        outside.retain(|target| node(&addresses, target).is_none());
        outside.sort_unstable();
        outside.dedup();
        let mut first = Vec::with_capacity(blocks + outside.len() + 1);
        let mut targets = Vec::new();
        for (_, successors) in blockrefs {
            first.push(targets.len() as u32);
            targets.extend(successors.iter().filter_map(|target| {
                let inside = node(&addresses, target);
                inside.or_else(|| node(&outside, target).map(|at| at + blocks)).map(|at| at as u32)
            }));
        }
        first.resize(blocks + outside.len() + 1, targets.len() as u32);
        addresses.append(&mut outside);
        Self { addresses, first, targets }
    }

    fn len(&self) -> usize {
        self.addresses.len()
    }

    fn successors(&self, node: usize) -> &[u32] {
        &self.targets[self.first[node] as usize..self.first[node + 1] as usize]
    }
}

/// Components in the order Tarjan's algorithm completes them, each listing its blocks in the order they leave the stack.
/// Roots are taken in ascending order. `blockrefs` is in normal form.
pub fn strongly_connected_components(blockrefs: &[(Va, Vec<Va>)]) -> Vec<Vec<Va>> {
    if let [(only, _)] = blockrefs {
        return vec![vec![*only]];
    }
    let graph = Graph::new(blockrefs);
    let mut walk = Tarjan::new(graph.len());
    for root in 0..blockrefs.len() {
        if walk.index[root] == UNSEEN {
            walk.run(&graph, root);
        }
    }
    walk.components
}

const UNSEEN: u32 = u32::MAX;

struct Tarjan {
    index: Vec<u32>,
    low: Vec<u32>,
    on_stack: Vec<bool>,
    stack: Vec<u32>,
    /// Open nodes with the successor to look at next.
    open: Vec<(u32, u32)>,
    next_index: u32,
    components: Vec<Vec<Va>>,
}

impl Tarjan {
    fn new(nodes: usize) -> Self {
        Self {
            index: vec![UNSEEN; nodes],
            low: vec![0; nodes],
            on_stack: vec![false; nodes],
            stack: Vec::new(),
            open: Vec::new(),
            next_index: 0,
            components: Vec::new(),
        }
    }

    fn enter(&mut self, node: usize) {
        self.index[node] = self.next_index;
        self.low[node] = self.next_index;
        self.next_index += 1;
        self.on_stack[node] = true;
        self.stack.push(node as u32);
        self.open.push((node as u32, 0));
    }

    fn run(&mut self, graph: &Graph, root: usize) {
        self.enter(root);
        while let Some((node, next)) = self.open.last_mut() {
            let at = *node as usize;
            if let Some(&target) = graph.successors(at).get(*next as usize) {
                *next += 1;
                let target = target as usize;
                if self.index[target] == UNSEEN {
                    self.enter(target);
                } else if self.on_stack[target] {
                    self.low[at] = self.low[at].min(self.index[target]);
                }
                continue;
            }
            self.open.pop();
            if self.low[at] == self.index[at] {
                self.emit(graph, at);
            }
            if let Some((parent, _)) = self.open.last() {
                let parent = *parent as usize;
                self.low[parent] = self.low[parent].min(self.low[at]);
            }
        }
    }

    fn emit(&mut self, graph: &Graph, root: usize) {
        let mut component = Vec::new();
        while let Some(node) = self.stack.pop() {
            let node = node as usize;
            self.on_stack[node] = false;
            component.push(graph.addresses[node]);
            if node == root {
                break;
            }
        }
        component.shrink_to_fit();
        self.components.push(component);
    }
}

/// The blocks that can be reached from `entry`, each with its immediate dominator, in the order a depth-first walk meets them.
/// The entry comes first and has itself. `blockrefs` is in normal form; empty if `entry` is not one of its keys.
pub fn immediate_dominators(blockrefs: &[(Va, Vec<Va>)], entry: Va) -> Vec<(Va, Va)> {
    let Ok(root) = blockrefs.binary_search_by_key(&entry, |edge| edge.0) else { return Vec::new() };
    let graph = Graph::new(blockrefs);
    let tree = dominators::tree(&graph, root);
    let address = |entry: &dominators::Entry| graph.addresses[entry.node as usize];
    tree.iter().map(|entry| (address(entry), address(&tree[entry.dominator as usize]))).collect()
}

/// Depth of nesting: the greatest number of significant blocks on a path down the dominator tree, a block being
/// significant when a block with several successors leads to it. 0 when the entry lies in no block.
pub fn nesting_depth(function: &Function) -> u64 {
    let blockrefs = function.blockrefs.as_slice();
    if blockrefs.len() < 2 {
        return 0;
    }
    let starts_block = |address: Va| blockrefs.binary_search_by_key(&address, |edge| edge.0).ok();
    let entry = starts_block(function.offset)
        .or_else(|| function.code.block_containing(function.offset).and_then(starts_block));
    let Some(root) = entry else { return 0 };
    let graph = Graph::new(blockrefs);
    let mut is_significant = vec![false; graph.len()];
    for node in 0..graph.len() {
        let successors = graph.successors(node);
        if successors.len() > 1 {
            for target in successors {
                is_significant[*target as usize] = true;
            }
        }
    }
    let tree = dominators::tree(&graph, root);
    if tree.len() < 2 {
        return 0;
    }
    // Dominators come before what they dominate, so one pass gives all depths.
    let mut depth = vec![0_u64; tree.len()];
    for (at, entry) in tree.iter().enumerate() {
        let above = if at == 0 { 0 } else { depth[entry.dominator as usize] };
        depth[at] = above + u64::from(is_significant[entry.node as usize]);
    }
    depth.into_iter().max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
