//! Horizontal positions: Brandes and Koepf, Fast and Simple Horizontal Coordinate Assignment (Graph Drawing 2001).
//!
//! Nodes are aligned with their median neighbours into straight columns, once for each of four directions; columns are
//! pushed together as far as widths allow. A node's position is the mean of the two middle ones of the four, which keeps
//! order and distances. The inner pieces of edges take precedence, so that long edges are straight. In place of the paper's
//! classes of columns, distances are solved as longest paths over the columns, as is usual where widths differ.

use super::GRID;
use super::ordering::takes_room;
use super::proper::{Neighbours, Node, Proper};
use super::settling::{self, Gap};
use super::units::Units;

/// Free space between two blocks of a layer, in pixels.
const UNIT_GAP: i64 = 4 * GRID;

/// The x of the middle of every node, multiples of [`GRID`]. Turns take no room and have 0.
pub(super) fn place(graph: &Proper, units: &Units) -> Vec<i64> {
    let rows = Rows::new(graph, units);
    let mut candidates: Vec<Vec<i64>> = Vec::with_capacity(4);
    for is_down in [true, false] {
        for is_mirrored in [false, true] {
            candidates.push(rows.candidate(is_down, is_mirrored));
        }
    }
    let mut x = balance(&rows, candidates);
    settling::settle(graph, units, &rows.gaps(), &mut x);
    x
}

/// The layers without turns.
struct Rows<'a> {
    graph: &'a Proper,
    layers: Vec<Vec<u32>>,
    /// Place of each node in its row.
    at: Vec<u32>,
    /// Neighbours from left to right.
    above: Neighbours,
    below: Neighbours,
    /// Nodes whose piece upwards from here to the node of the second number may not be straight, sorted.
    blocked: Vec<(u32, u32)>,
    half: Vec<i64>,
}

impl<'a> Rows<'a> {
    fn new(graph: &'a Proper, units: &Units) -> Self {
        let takes_room = |node: &&u32| takes_room(graph.nodes[**node as usize]);
        let rows: Vec<Vec<u32>> =
            graph.order.iter().map(|layer| layer.iter().filter(takes_room).copied().collect()).collect();
        let count = graph.nodes.len();
        let mut at = vec![0; count];
        for row in &rows {
            row.iter().enumerate().for_each(|(place, node)| at[*node as usize] = place as u32);
        }
        let in_order: Vec<usize> = rows.iter().flatten().map(|node| *node as usize).collect();
        let pairs = |of: &'a Neighbours| {
            let in_order = in_order.clone();
            let near = move |node: usize| {
                of.of(node).iter().filter(takes_room).map(move |near| (*near as usize, node))
            };
            in_order.into_iter().flat_map(near)
        };
        let above = Neighbours::new(count, pairs(&graph.below).collect::<Vec<_>>().into_iter());
        let below = Neighbours::new(count, pairs(&graph.above).collect::<Vec<_>>().into_iter());
        let half = graph.nodes.iter().map(|node| match node {
            Node::Unit(unit) => units.half[*unit],
            Node::Bend(_) | Node::Turn(_) => GRID,
        });
        let half = half.collect();
        let mut rows = Self { graph, layers: rows, at, above, below, blocked: Vec::new(), half };
        rows.block();
        rows
    }

    /// Finds the pieces that cross an inner piece of another edge: these bend.
    fn block(&mut self) {
        let mut blocked = Vec::new();
        for pair in self.layers.windows(2) {
            let (upper, lower) = (&pair[0], &pair[1]);
            let inner_above = |node: u32| {
                let above = self.above.of(node as usize).first().copied()?;
                self.graph.is_inner(above as usize, node as usize).then_some(above)
            };
            let mut from = 0;
            let mut left = 0;
            for (place, node) in lower.iter().enumerate() {
                let inner = inner_above(*node);
                if inner.is_none() && place + 1 != lower.len() {
                    continue;
                }
                let right = inner.map_or(upper.len(), |above| self.at[above as usize] as usize);
                for node in &lower[from..=place] {
                    for above in self.above.of(*node as usize) {
                        let place = self.at[*above as usize] as usize;
                        if (place < left || place > right)
                            && !self.graph.is_inner(*above as usize, *node as usize)
                        {
                            blocked.push((*node, *above));
                        }
                    }
                }
                from = place + 1;
                left = if inner.is_some() { right } else { left };
            }
        }
        blocked.sort_unstable();
        self.blocked = blocked;
    }

    /// All nodes with their right neighbours.
    fn gaps(&self) -> Vec<Gap> {
        let pairs = self.layers.iter().flat_map(|row| row.windows(2));
        pairs
            .map(|pair| (pair[0] as usize, pair[1] as usize))
            .map(|(left, right)| (left, right, self.distance(left, right)))
            .collect()
    }

    /// Least distance of the middles of two neighbours.
    fn distance(&self, left: usize, right: usize) -> i64 {
        let is_unit = |node: usize| matches!(self.graph.nodes[node], Node::Unit(_));
        let gap = match (is_unit(left), is_unit(right)) {
            (true, true) => UNIT_GAP,
            (false, false) => 0,
            _ => GRID,
        };
        self.half[left] + self.half[right] + gap
    }

    /// One of the four: aligned downwards or upwards, from the left or from the right.
    fn candidate(&self, is_down: bool, is_mirrored: bool) -> Vec<i64> {
        let root = self.align(is_down, is_mirrored);
        let mut x = self.compact(&root, is_mirrored);
        if is_mirrored {
            for x in &mut x {
                *x = -*x;
            }
        }
        x
    }

    /// The uppermost (or lowest) node of the column of each node.
    fn align(&self, is_down: bool, is_mirrored: bool) -> Vec<u32> {
        let mut root: Vec<u32> = (0..self.at.len() as u32).collect();
        let mut has_next = vec![false; root.len()];
        let count = self.layers.len();
        for step in 1..count {
            let layer = if is_down { step } else { count - 1 - step };
            let before = if is_down { layer - 1 } else { layer + 1 };
            let mirror = |place: usize, row: usize| {
                if is_mirrored { self.layers[row].len() - 1 - place } else { place }
            };
            // Columns do not cross: the next is to the right of this place.
            let mut free_from = 0;
            for place in 0..self.layers[layer].len() {
                let node = self.layers[layer][mirror(place, layer)];
                let near = if is_down { self.above.of(node as usize) } else { self.below.of(node as usize) };
                if near.is_empty() {
                    continue;
                }
                let (low, high) = ((near.len() - 1) / 2, near.len() / 2);
                for median in if is_mirrored { [high, low] } else { [low, high] } {
                    let other = near[median];
                    let place = mirror(self.at[other as usize] as usize, before);
                    let piece = if is_down { (node, other) } else { (other, node) };
                    if place >= free_from
                        && !has_next[other as usize]
                        && self.blocked.binary_search(&piece).is_err()
                    {
                        root[node as usize] = root[other as usize];
                        has_next[other as usize] = true;
                        free_from = place + 1;
                        break;
                    }
                }
            }
        }
        root
    }

    /// Columns as far left as they go, then each as far right as its right neighbours allow.
    fn compact(&self, root: &[u32], is_mirrored: bool) -> Vec<i64> {
        let count = root.len();
        let mut pairs: Vec<(usize, usize, i64)> = Vec::with_capacity(count);
        for row in &self.layers {
            for pair in row.windows(2) {
                let distance = self.distance(pair[0] as usize, pair[1] as usize);
                let (left, right) = (root[pair[0] as usize] as usize, root[pair[1] as usize] as usize);
                pairs.push(if is_mirrored { (right, left, distance) } else { (left, right, distance) });
            }
        }
        let mut waiting = vec![0_u32; count];
        let mut first = vec![0_usize; count + 1];
        for (left, right, _) in &pairs {
            waiting[*right] += 1;
            first[left + 1] += 1;
        }
        (0..count).for_each(|node| first[node + 1] += first[node]);
        let mut place = first.clone();
        let mut right_of = vec![(0, 0); pairs.len()];
        for (left, right, distance) in pairs {
            right_of[place[left]] = (right, distance);
            place[left] += 1;
        }
        let mut x = vec![0_i64; count];
        let is_root = |node: &usize| root[*node] as usize == *node;
        let mut sorted: Vec<usize> = (0..count).filter(|node| is_root(node) && waiting[*node] == 0).collect();
        let mut next = 0;
        while let Some(&left) = sorted.get(next) {
            next += 1;
            for (right, distance) in &right_of[first[left]..first[left + 1]] {
                x[*right] = x[*right].max(x[left] + distance);
                waiting[*right] -= 1;
                if waiting[*right] == 0 {
                    sorted.push(*right);
                }
            }
        }
        for left in sorted.into_iter().rev() {
            let limit =
                right_of[first[left]..first[left + 1]].iter().map(|(right, distance)| x[*right] - distance);
            if let Some(limit) = limit.min() {
                x[left] = x[left].max(limit);
            }
        }
        (0..count).map(|node| x[root[node] as usize]).collect()
    }
}

/// The four candidates moved over each other, and of each node the mean of the two middle positions.
fn balance(rows: &Rows<'_>, mut candidates: Vec<Vec<i64>>) -> Vec<i64> {
    let nodes: Vec<usize> = rows.layers.iter().flatten().map(|node| *node as usize).collect();
    let extent = |x: &[i64]| {
        let left = nodes.iter().map(|node| x[*node] - rows.half[*node]).min().unwrap_or_default();
        let right = nodes.iter().map(|node| x[*node] + rows.half[*node]).max().unwrap_or_default();
        (left, right)
    };
    let extents: Vec<(i64, i64)> = candidates.iter().map(|x| extent(x)).collect();
    let narrowest = extents.iter().copied().min_by_key(|(left, right)| right - left).unwrap_or_default();
    for (number, x) in candidates.iter_mut().enumerate() {
        let is_mirrored = number % 2 == 1;
        let shift =
            if is_mirrored { narrowest.1 - extents[number].1 } else { narrowest.0 - extents[number].0 };
        for x in x.iter_mut() {
            *x += shift;
        }
    }
    let mut placed = vec![0; rows.at.len()];
    for node in nodes {
        let mut four: Vec<i64> = candidates.iter().map(|x| x[node]).collect();
        four.sort_unstable();
        // Rounding down keeps distances that are multiples of the grid.
        placed[node] = i64::midpoint(four[1], four[2]).div_euclid(GRID) * GRID;
    }
    placed
}
