//! Immediate dominators by the algorithm of Lengauer and Tarjan (TOPLAS 1979, the simple variant with path compression),
//! without recursion.

use super::Graph;

/// A node that can be reached from the root.
pub(super) struct Entry {
    /// Number of the node in the graph.
    pub(super) node: u32,
    /// Position, in the list this entry is in, of the immediate dominator; it is smaller than the entry's own. The root,
    /// which comes first, has itself.
    pub(super) dominator: u32,
}

const NONE: u32 = u32::MAX;

/// All nodes that can be reached, in the order a depth-first walk meets them.
pub(super) fn tree(graph: &Graph, root: usize) -> Vec<Entry> {
    let walk = Walk::new(graph, root);
    let count = walk.nodes.len();
    let mut forest =
        Forest { ancestor: vec![NONE; count], label: (0..count as u32).collect(), path: Vec::new() };
    let mut semi: Vec<u32> = (0..count as u32).collect();
    let mut dominator = vec![0_u32; count];
    // Buckets as linked lists: nodes that wait for the node they have as semidominator.
    let mut bucket = vec![NONE; count];
    let mut next_in_bucket = vec![NONE; count];
    for at in (1..count).rev() {
        for &from in walk.predecessors(at) {
            let best = forest.eval(from, &semi);
            semi[at] = semi[at].min(semi[best as usize]);
        }
        let waits_for = semi[at] as usize;
        next_in_bucket[at] = bucket[waits_for];
        bucket[waits_for] = at as u32;
        let parent = walk.parent[at];
        forest.ancestor[at] = parent;
        let mut waiting = std::mem::replace(&mut bucket[parent as usize], NONE);
        while waiting != NONE {
            let best = forest.eval(waiting, &semi);
            dominator[waiting as usize] =
                if semi[best as usize] < semi[waiting as usize] { best } else { parent };
            waiting = next_in_bucket[waiting as usize];
        }
    }
    for at in 1..count {
        if dominator[at] != semi[at] {
            dominator[at] = dominator[dominator[at] as usize];
        }
    }
    walk.nodes.iter().zip(dominator).map(|(&node, dominator)| Entry { node, dominator }).collect()
}

/// A depth-first walk: everything below is in numbers of the order nodes are met.
struct Walk {
    /// Node of the graph by its number here.
    nodes: Vec<u32>,
    parent: Vec<u32>,
    first_predecessor: Vec<u32>,
    predecessors: Vec<u32>,
}

impl Walk {
    fn new(graph: &Graph, root: usize) -> Self {
        let mut number = vec![NONE; graph.len()];
        let mut nodes = vec![root as u32];
        let mut parent = vec![0];
        number[root] = 0;
        let mut open = vec![(0_u32, 0_u32)];
        while let Some((at, next)) = open.last_mut() {
            let Some(&target) = graph.successors(nodes[*at as usize] as usize).get(*next as usize) else {
                open.pop();
                continue;
            };
            *next += 1;
            if number[target as usize] == NONE {
                let here = nodes.len() as u32;
                number[target as usize] = here;
                parent.push(*at);
                nodes.push(target);
                open.push((here, 0));
            }
        }
        let (first_predecessor, predecessors) = reversed(graph, &nodes, &number);
        Self { nodes, parent, first_predecessor, predecessors }
    }

    fn predecessors(&self, at: usize) -> &[u32] {
        &self.predecessors[self.first_predecessor[at] as usize..self.first_predecessor[at + 1] as usize]
    }
}

/// Predecessors of every node met, as one list with the place where each node's part begins.
fn reversed(graph: &Graph, nodes: &[u32], number: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut first = vec![0_u32; nodes.len() + 1];
    let targets =
        |node: &u32| graph.successors(*node as usize).iter().map(|target| number[*target as usize] as usize);
    for target in nodes.iter().flat_map(targets) {
        first[target + 1] += 1;
    }
    for at in 0..nodes.len() {
        first[at + 1] += first[at];
    }
    let mut fill = first.clone();
    let mut predecessors = vec![0; first[nodes.len()] as usize];
    for (from, node) in nodes.iter().enumerate() {
        for target in targets(node) {
            predecessors[fill[target] as usize] = from as u32;
            fill[target] += 1;
        }
    }
    (first, predecessors)
}

/// The forest of nodes already handled, with compressed paths.
struct Forest {
    ancestor: Vec<u32>,
    label: Vec<u32>,
    path: Vec<u32>,
}

impl Forest {
    /// The node with the smallest semidominator on the way from `node` up to, without it, the root of its tree.
    fn eval(&mut self, node: u32, semi: &[u32]) -> u32 {
        if self.ancestor[node as usize] == NONE {
            return node;
        }
        let mut at = node;
        while self.ancestor[self.ancestor[at as usize] as usize] != NONE {
            self.path.push(at);
            at = self.ancestor[at as usize];
        }
        while let Some(below) = self.path.pop() {
            let below = below as usize;
            let above = self.ancestor[below] as usize;
            if semi[self.label[above] as usize] < semi[self.label[below] as usize] {
                self.label[below] = self.label[above];
            }
            self.ancestor[below] = self.ancestor[above];
        }
        self.label[node as usize]
    }
}
