//! The condensed graph of a large function: regions folded into one box each, until few boxes are left.
//!
//! What is folded are subtrees of the dominator tree: such a region is entered at its head only. The tree is opened from the
//! entry, the largest region first, as long as there is room; small regions beside each other that have no room are folded
//! together. Work: blocks + edges, and sorting.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use malkin_report::Va;
use malkin_report::cfg;

use super::{Edge, FlowGraph};

/// Boxes of a condensed graph.
pub const MAX_GROUPS: usize = 120;

/// What a box stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupKind {
    /// Blocks one after another.
    Chain,
    /// A region whose head is entered again from within.
    Loop,
    /// A region entered at its head only.
    Region,
    /// Several regions beside each other.
    Regions,
    /// Blocks that cannot be reached from the entry.
    Unreached,
}

impl GroupKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Loop => "loop",
            Self::Region => "region",
            Self::Regions => "regions",
            Self::Unreached => "unreached",
        }
    }
}

/// Blocks that are drawn as one box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The block that is entered first.
    pub head: u32,
    /// The blocks, ascending.
    pub members: Vec<u32>,
    /// What they are; [`GroupKind::Region`] for a single block.
    pub kind: GroupKind,
}

/// A graph of groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condensed {
    /// The groups, by their heads; every block of the graph is in one.
    pub groups: Vec<Group>,
    /// Edges between groups, in the order of the graph: one from a group to another, one of each kind between single blocks.
    pub edges: Vec<Edge>,
    /// Number of the group of the entry.
    pub entry: u32,
}

/// Folds a graph to at most [`MAX_GROUPS`] groups, and as many again on the way to `focus`, a block that stays by itself with
/// everything that dominates it.
pub fn condense(graph: &FlowGraph, focus: Option<u32>) -> Condensed {
    let tree = Tree::new(graph);
    let group_of = tree.groups(focus);
    let mut groups = collect(graph, &tree, &group_of);
    groups.sort_by_key(|group| group.head);
    let mut place = vec![0_u32; graph.blocks.len()];
    for (number, group) in groups.iter().enumerate() {
        group.members.iter().for_each(|member| place[*member as usize] = number as u32);
    }
    let mut seen = std::collections::BTreeSet::new();
    let ends = graph.edges.iter().map(|edge| Edge {
        from: place[edge.from as usize],
        to: place[edge.to as usize],
        kind: edge.kind,
    });
    let is_new = |edge: &Edge| {
        // What happens within a group is not shown; a block's own loop is.
        let is_inside = edge.from == edge.to && groups[edge.from as usize].members.len() > 1;
        let is_block = |group: u32| groups[group as usize].members.len() == 1;
        let kind = (is_block(edge.from) && is_block(edge.to)).then_some(edge.kind);
        !is_inside && seen.insert((edge.from, edge.to, kind))
    };
    let edges = ends.filter(is_new).collect();
    let entry = place.get(graph.entry as usize).copied().unwrap_or_default();
    Condensed { groups, edges, entry }
}

const NONE: u32 = u32::MAX;

/// The dominator tree, nodes numbered so that a subtree follows its root.
struct Tree {
    /// Immediate dominator of each block; [`NONE`] for the entry and for what it does not reach.
    dominator: Vec<u32>,
    children: Vec<Vec<u32>>,
    /// Blocks in the subtree of each block.
    size: Vec<u32>,
    /// Blocks, dominators first.
    order: Vec<u32>,
}

impl Tree {
    fn new(graph: &FlowGraph) -> Self {
        let count = graph.blocks.len();
        let mut targets: Vec<Vec<Va>> = vec![Vec::new(); count];
        for edge in &graph.edges {
            targets[edge.from as usize].push(Va::new(u64::from(edge.to)));
        }
        for list in &mut targets {
            list.sort_unstable();
            list.dedup();
        }
        let refs: Vec<(Va, Vec<Va>)> =
            targets.into_iter().enumerate().map(|(block, list)| (Va::new(block as u64), list)).collect();
        let mut tree = Self {
            dominator: vec![NONE; count],
            children: vec![Vec::new(); count],
            size: vec![1; count],
            order: Vec::with_capacity(count),
        };
        for (block, dominator) in cfg::immediate_dominators(&refs, Va::new(u64::from(graph.entry))) {
            let (block, dominator) = (block.get() as u32, dominator.get() as u32);
            tree.order.push(block);
            if block != dominator {
                tree.dominator[block as usize] = dominator;
                tree.children[dominator as usize].push(block);
            }
        }
        for block in tree.order.iter().rev() {
            let above = tree.dominator[*block as usize];
            if above != NONE {
                tree.size[above as usize] += tree.size[*block as usize];
            }
        }
        tree
    }

    /// For each block the head of its group; blocks that cannot be reached have [`NONE`].
    fn groups(&self, focus: Option<u32>) -> Vec<u32> {
        let count = self.dominator.len();
        let mut group_of = vec![NONE; count];
        let Some(&root) = self.order.first() else { return group_of };
        let mut must_open = vec![false; count];
        let mut at = focus.filter(|block| (*block as usize) < count).unwrap_or(NONE);
        while at != NONE {
            must_open[at as usize] = true;
            at = self.dominator[at as usize];
        }
        // Opened: the block is a group of its own, its children are looked at.
        let mut closed: BinaryHeap<(bool, u32, Reverse<u32>)> = BinaryHeap::new();
        let key = |block: u32| (must_open[block as usize], self.size[block as usize], Reverse(block));
        closed.push(key(root));
        let mut groups = 1;
        let mut shared_with = vec![NONE; count];
        let mut is_open = vec![false; count];
        while let Some((is_forced, size, Reverse(block))) = closed.pop() {
            if size == 1 || !(is_forced || groups < MAX_GROUPS) {
                continue;
            }
            is_open[block as usize] = true;
            let mut children = self.children[block as usize].clone();
            children.sort_by_key(|child| Reverse(key(*child)));
            let room = MAX_GROUPS.saturating_sub(groups).max(2);
            let rest = if children.len() > room { children.split_off(room - 1) } else { Vec::new() };
            groups += children.len() + usize::from(!rest.is_empty());
            closed.extend(children.into_iter().map(key));
            if let Some(&first) = rest.first() {
                for child in &rest {
                    shared_with[*child as usize] = first;
                }
            }
        }
        for block in &self.order {
            let at = *block as usize;
            let above = self.dominator[at];
            group_of[at] = if shared_with[at] != NONE {
                shared_with[at]
            } else if above == NONE || is_open[above as usize] {
                *block
            } else {
                group_of[above as usize]
            };
        }
        group_of
    }
}

/// The groups with their members and what they are.
fn collect(graph: &FlowGraph, tree: &Tree, group_of: &[u32]) -> Vec<Group> {
    let mut members: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
    for (block, head) in group_of.iter().enumerate() {
        members.entry(*head).or_default().push(block as u32);
    }
    let mut inner = vec![0_usize; graph.blocks.len()];
    let mut re_entered = vec![false; graph.blocks.len()];
    for edge in &graph.edges {
        let (from, to) = (edge.from as usize, edge.to as usize);
        if group_of[from] == group_of[to] {
            inner[from] += 1;
            re_entered[to] |= group_of[to] == edge.to;
        }
    }
    let group = |(head, members): (u32, Vec<u32>)| {
        let first = members.first().copied().unwrap_or_default();
        if head == NONE {
            return Group { head: first, members, kind: GroupKind::Unreached };
        }
        let above = tree.dominator[head as usize];
        let is_shared = members
            .iter()
            .any(|member| *member != head && tree.dominator[*member as usize] == above && above != NONE);
        let kind = if is_shared {
            GroupKind::Regions
        } else if re_entered[head as usize] {
            GroupKind::Loop
        } else if members.iter().all(|member| inner[*member as usize] <= 1) {
            GroupKind::Chain
        } else {
            GroupKind::Region
        };
        Group { head, members, kind }
    };
    members.into_iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{EdgeKind, Size};

    fn graph(blocks: usize, edges: impl Iterator<Item = (u32, u32)>) -> FlowGraph {
        let edges = edges.map(|(from, to)| Edge { from, to, kind: EdgeKind::Jump }).collect();
        FlowGraph { blocks: vec![Size::default(); blocks], edges, entry: 0 }
    }

    fn check(graph: &FlowGraph, focus: Option<u32>) -> Condensed {
        let condensed = condense(graph, focus);
        let mut members: Vec<u32> = condensed.groups.iter().flat_map(|group| group.members.clone()).collect();
        members.sort_unstable();
        assert_eq!(
            members,
            (0..graph.blocks.len() as u32).collect::<Vec<_>>(),
            "every block is in one group"
        );
        condensed
    }

    #[test]
    fn a_long_row_of_branches_is_opened_from_the_top() {
        let ladder = graph(
            3001,
            (0..1000_u32).flat_map(|at| {
                let at = 3 * at;
                [(at, at + 1), (at, at + 2), (at + 1, at + 3), (at + 2, at + 3)]
            }),
        );
        let condensed = check(&ladder, None);
        assert!(
            (MAX_GROUPS - 3..=MAX_GROUPS + 1).contains(&condensed.groups.len()),
            "{}",
            condensed.groups.len()
        );
        let largest = condensed.groups.iter().max_by_key(|group| group.members.len()).unwrap();
        assert_eq!(largest.kind, GroupKind::Region);
        assert!(largest.members.len() > 2800);
    }

    #[test]
    fn the_focus_stays_open() {
        let comb = graph(2001, (0..1000_u32).flat_map(|at| [(2 * at, 2 * at + 1), (2 * at, 2 * at + 2)]));
        let condensed = check(&comb, Some(1500));
        assert!(condensed.groups.iter().any(|group| group.members == [1500]));
    }

    #[test]
    fn cases_of_a_large_switch_share_a_group() {
        let switch = graph(1000, (1..1000).map(|case| (0, case)));
        let condensed = check(&switch, None);
        assert_eq!(condensed.groups.len(), MAX_GROUPS);
        assert_eq!(condensed.groups.iter().filter(|group| group.kind == GroupKind::Regions).count(), 1);
    }

    #[test]
    fn what_nothing_reaches_is_one_group() {
        let condensed = check(&graph(500, [(0, 1), (7, 8), (8, 7)].into_iter()), None);
        let kinds: Vec<GroupKind> = condensed.groups.iter().map(|group| group.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == GroupKind::Unreached).count(), 1);
        assert_eq!(condensed.groups.len(), 3);
    }
}
