//! The order within layers: few crossings.
//!
//! Starts from the order in which walks meet the nodes. Then layers are sorted by where the neighbours of their nodes are
//! (medians and means, downwards and upwards in turn), and neighbours are exchanged where that saves crossings. The best order
//! seen is kept. Ends when rounds no longer help or [`super::MAX_ORDER_WORK`] steps are used up.

use super::MAX_ORDER_WORK;
use super::proper::{Node, Proper};

/// Rounds without a gain after which a start is given up.
const PATIENCE: usize = 6;
/// Most rounds from one start.
const MAX_ROUNDS: usize = 40;
/// Passes of exchanges over a layer in one round.
const MAX_EXCHANGES: usize = 10;

/// Brings the layers of a graph into an order with few crossings.
pub(super) fn reduce_crossings(graph: &mut Proper) {
    let mut search = Search { work: 0, counter: Vec::new(), keys: vec![0.0; graph.nodes.len()] };
    let mut best: Option<(u64, Vec<Vec<u32>>)> = None;
    for walk in [Walk::DeepDown, Walk::Broad, Walk::DeepUp] {
        if best.as_ref().is_some_and(|(crossings, _)| *crossings == 0 || search.is_over()) {
            break;
        }
        initial_order(graph, walk);
        search.improve(graph, &mut best);
    }
    if let Some((_, order)) = best {
        for (layer, order) in order.into_iter().enumerate() {
            graph.set_order(layer, order);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Walk {
    DeepDown,
    DeepUp,
    Broad,
}

/// Orders the layers as a walk over the graph meets their nodes.
fn initial_order(graph: &mut Proper, walk: Walk) {
    let count = graph.nodes.len();
    let mut seen = vec![false; count];
    let mut layers: Vec<Vec<u32>> = vec![Vec::new(); graph.order.len()];
    let mut queue = std::collections::VecDeque::new();
    let roots: Vec<usize> = match walk {
        Walk::DeepUp => (0..count).rev().collect(),
        _ => (0..count).collect(),
    };
    for root in roots {
        queue.push_back(root);
        while let Some(node) = if walk == Walk::Broad { queue.pop_front() } else { queue.pop_back() } {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            layers[graph.layer[node]].push(node as u32);
            let (last, first) = match walk {
                Walk::DeepUp => (graph.below.of(node), graph.above.of(node)),
                _ => (graph.above.of(node), graph.below.of(node)),
            };
            let next = last.iter().rev().chain(first.iter().rev());
            let next: Vec<usize> = next.map(|node| *node as usize).filter(|node| !seen[*node]).collect();
            if walk == Walk::Broad {
                queue.extend(next.into_iter().rev());
            } else {
                queue.extend(next);
            }
        }
    }
    for (layer, order) in layers.into_iter().enumerate() {
        graph.set_order(layer, order);
    }
}

struct Search {
    work: u64,
    /// Room for counting: a tree of sums.
    counter: Vec<u32>,
    /// Where the neighbours of each node are.
    keys: Vec<f64>,
}

impl Search {
    fn is_over(&self) -> bool {
        self.work > MAX_ORDER_WORK
    }

    fn improve(&mut self, graph: &mut Proper, best: &mut Option<(u64, Vec<Vec<u32>>)>) {
        let mut own_best = u64::MAX;
        let mut without_gain = 0;
        for round in 0..MAX_ROUNDS {
            if round > 0 {
                self.sweep(graph, round);
                self.exchange_all(graph, round);
            }
            let crossings = self.crossings(graph);
            if best.as_ref().is_none_or(|(least, _)| crossings < *least) {
                *best = Some((crossings, graph.order.clone()));
            }
            if crossings < own_best {
                own_best = crossings;
                without_gain = 0;
            } else {
                without_gain += 1;
            }
            if crossings == 0 || without_gain >= PATIENCE || self.is_over() {
                break;
            }
        }
    }

    /// Sorts every layer by the neighbours on the layer before: from above in odd rounds, from below in even ones.
    fn sweep(&mut self, graph: &mut Proper, round: usize) {
        let is_down = round % 2 == 1;
        let use_mean = round % 8 >= 4;
        let flip_ties = round % 4 >= 2;
        let count = graph.order.len();
        for step in 1..count {
            let layer = if is_down { step } else { count - 1 - step };
            let mut order = std::mem::take(&mut graph.order[layer]);
            if flip_ties {
                order.reverse();
            }
            // Nodes without neighbours there keep their places; the others are sorted into theirs.
            let mut free = Vec::with_capacity(order.len());
            for (at, node) in order.iter().enumerate() {
                let node = *node as usize;
                let near = if is_down { graph.above.of(node) } else { graph.below.of(node) };
                self.work += near.len() as u64 + 1;
                if !near.is_empty() {
                    self.keys[node] = position(near, &graph.place, use_mean);
                    free.push(at);
                }
            }
            let mut moved: Vec<u32> = free.iter().map(|at| order[*at]).collect();
            moved.sort_by(|a, b| self.keys[*a as usize].total_cmp(&self.keys[*b as usize]));
            if flip_ties {
                for at in &mut free {
                    *at = order.len() - 1 - *at;
                }
                free.reverse();
                order.reverse();
            }
            for (at, node) in free.into_iter().zip(moved) {
                order[at] = node;
            }
            graph.set_order(layer, order);
        }
    }

    /// Exchanges neighbours while that saves crossings.
    fn exchange_all(&mut self, graph: &mut Proper, round: usize) {
        let count = graph.order.len();
        let mut is_dirty = vec![true; count];
        for pass in 0..MAX_EXCHANGES {
            let mut gain = false;
            for layer in 0..count {
                if self.is_over() {
                    return;
                }
                if !std::mem::take(&mut is_dirty[layer]) {
                    continue;
                }
                self.sort_neighbours(graph, layer);
                if self.exchange(graph, layer, (round + pass).is_multiple_of(2) && pass < 2) {
                    gain = true;
                    is_dirty[layer] = true;
                    is_dirty[layer.saturating_sub(1)] = true;
                    is_dirty[(layer + 1).min(count - 1)] = true;
                }
            }
            if !gain {
                return;
            }
        }
    }

    fn sort_neighbours(&mut self, graph: &mut Proper, layer: usize) {
        for at in 0..graph.order[layer].len() {
            let node = graph.order[layer][at] as usize;
            let place = &graph.place;
            for near in [&mut graph.above, &mut graph.below] {
                let near = near.of_mut(node);
                near.sort_unstable_by_key(|node| place[*node as usize]);
                self.work += near.len() as u64;
            }
        }
    }

    /// One pass over a layer whose neighbours are sorted; whether crossings were saved. Ties may be exchanged too, which
    /// opens ways to savings elsewhere.
    fn exchange(&mut self, graph: &mut Proper, layer: usize, with_ties: bool) -> bool {
        let mut gain = false;
        for at in 1..graph.order[layer].len() {
            let (left, right) = (graph.order[layer][at - 1] as usize, graph.order[layer][at] as usize);
            let (mut now, mut exchanged) = (0, 0);
            for near in [&graph.above, &graph.below] {
                let (left, right) = (near.of(left), near.of(right));
                now += inversions(left, right, &graph.place);
                exchanged += inversions(right, left, &graph.place);
                self.work += 2 * (left.len() + right.len()) as u64;
            }
            if exchanged < now || (with_ties && exchanged == now && now > 0) {
                graph.order[layer].swap(at - 1, at);
                graph.place.swap(left, right);
                gain |= exchanged < now;
            }
        }
        gain
    }

    /// Crossings of all pieces between neighbouring layers.
    fn crossings(&mut self, graph: &Proper) -> u64 {
        let mut sum = 0;
        let mut ends: Vec<u32> = Vec::new();
        for layers in graph.order.windows(2) {
            ends.clear();
            for node in &layers[0] {
                let start = ends.len();
                let below = graph.below.of(*node as usize);
                ends.extend(below.iter().map(|node| graph.place[*node as usize]));
                ends[start..].sort_unstable();
            }
            self.work += ends.len() as u64;
            sum += self.inversions_of(&ends, layers[1].len());
        }
        sum
    }

    /// Pairs of a sequence in descending order, counted with a tree of sums (Barth, Juenger, Mutzel 2002).
    fn inversions_of(&mut self, ends: &[u32], width: usize) -> u64 {
        self.counter.clear();
        self.counter.resize(width + 1, 0);
        let mut sum = 0;
        for (before, end) in ends.iter().enumerate() {
            let mut at = *end as usize + 1;
            let mut not_after = 0;
            let mut down = at;
            while down > 0 {
                not_after += self.counter[down];
                down &= down - 1;
            }
            while at <= width {
                self.counter[at] += 1;
                at += at & at.wrapping_neg();
            }
            sum += before as u64 - u64::from(not_after);
        }
        sum
    }
}

/// Where neighbours are: their mean, or the median weighted by how close the others are to it (Gansner and others 1993,
/// section 3). Neighbours need not be sorted.
fn position(near: &[u32], place: &[u32], use_mean: bool) -> f64 {
    if near.len() == 1 {
        return f64::from(place[near[0] as usize]);
    }
    if use_mean {
        let sum: u64 = near.iter().map(|node| u64::from(place[*node as usize])).sum();
        return sum as f64 / near.len() as f64;
    }
    let mut places: Vec<u32> = near.iter().map(|node| place[*node as usize]).collect();
    places.sort_unstable();
    let half = places.len() / 2;
    let at = |index: usize| f64::from(places[index]);
    if places.len() % 2 == 1 {
        return at(half);
    }
    if places.len() == 2 {
        return f64::midpoint(at(0), at(1));
    }
    let (left, right) = (at(half - 1) - at(0), at(places.len() - 1) - at(half));
    if left + right == 0.0 {
        return f64::midpoint(at(half - 1), at(half));
    }
    (at(half - 1) * right + at(half) * left) / (left + right)
}

/// Pairs of a neighbour of the left node and one of the right node that cross. Both are sorted.
fn inversions(left: &[u32], right: &[u32], place: &[u32]) -> u64 {
    let mut sum = 0;
    let mut smaller = 0;
    for node in left {
        let end = place[*node as usize];
        while smaller < right.len() && place[right[smaller] as usize] < end {
            smaller += 1;
        }
        sum += smaller as u64;
    }
    sum
}

/// Whether a node takes room in its layer.
pub(super) fn takes_room(node: Node) -> bool {
    !matches!(node, Node::Turn(_))
}
