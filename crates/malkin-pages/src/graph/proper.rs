//! The graph with a point on each layer an edge passes, so that pieces of edges only join neighbouring layers.
//!
//! A forward edge has a bend on each layer between its ends. An edge that closes a loop has bends on all layers from that of its
//! target to that of its source, both included, and a turn below and one above: the pieces source - lower turn - lowest bend
//! and target - upper turn - highest bend stand for its two U-turns. Turns are ordered like everything else, so that
//! crossings of the U-turns count, but they take no room.
//!
//! The bends of all edges together are limited ([`super::max_points`]). Edges beyond that, the longest, take a lane at the side.

use std::ops::Range;

use super::layers::NOWHERE;
use super::max_points;
use super::units::Units;

/// What stands in a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    /// The unit of this number.
    Unit(usize),
    /// Where the link of this number passes.
    Bend(usize),
    /// A U-turn of the link of this number.
    Turn(usize),
}

/// How a link is drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Course {
    /// Down through these bends, from top to bottom.
    Down(Range<usize>),
    /// Closing a loop: its bends from top to bottom.
    Back(Range<usize>),
    /// Along a lane at the side.
    Lane,
}

/// Neighbours of every node on one side.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    first: Vec<u32>,
    nodes: Vec<u32>,
}

impl Neighbours {
    pub(super) fn new(count: usize, pairs: impl Iterator<Item = (usize, usize)> + Clone) -> Self {
        let mut first = vec![0_u32; count + 1];
        pairs.clone().for_each(|(node, _)| first[node + 1] += 1);
        (0..count).for_each(|node| first[node + 1] += first[node]);
        let mut place = first.clone();
        let mut nodes = vec![0; first[count] as usize];
        for (node, other) in pairs {
            nodes[place[node] as usize] = other as u32;
            place[node] += 1;
        }
        Self { first, nodes }
    }

    pub(super) fn of(&self, node: usize) -> &[u32] {
        &self.nodes[self.first[node] as usize..self.first[node + 1] as usize]
    }

    pub(super) fn of_mut(&mut self, node: usize) -> &mut [u32] {
        &mut self.nodes[self.first[node] as usize..self.first[node + 1] as usize]
    }
}

/// The graph of points.
#[derive(Debug)]
pub(super) struct Proper {
    pub(super) nodes: Vec<Node>,
    pub(super) layer: Vec<usize>,
    /// Node of each unit.
    pub(super) node_of: Vec<usize>,
    pub(super) courses: Vec<Course>,
    pub(super) above: Neighbours,
    pub(super) below: Neighbours,
    /// Nodes of each layer from left to right.
    pub(super) order: Vec<Vec<u32>>,
    /// Place of each node in its layer.
    pub(super) place: Vec<u32>,
}

impl Proper {
    pub(super) fn new(units: &Units, back: &[bool], layers: &[usize]) -> Self {
        let mut nodes = Vec::new();
        let mut layer = Vec::new();
        let mut node_of = vec![NOWHERE; units.len()];
        for unit in (0..units.len()).filter(|unit| layers[*unit] != NOWHERE) {
            node_of[unit] = nodes.len();
            nodes.push(Node::Unit(unit));
            layer.push(layers[unit]);
        }
        let in_lane = lanes(units, back, layers);
        let mut pieces: Vec<(usize, usize)> = Vec::new();
        let mut courses = Vec::with_capacity(units.links.len());
        for (number, link) in units.links.iter().enumerate() {
            let (from, to) = (node_of[link.from], node_of[link.to]);
            if in_lane[number] {
                courses.push(Course::Lane);
                continue;
            }
            let passed = passed_layers(layers[link.from], layers[link.to], back[number]);
            let bends = nodes.len()..nodes.len() + passed.len();
            nodes.extend(passed.clone().map(|_| Node::Bend(number)));
            layer.extend(passed.clone());
            let ends = if back[number] {
                let turns = [nodes.len(), nodes.len() + 1];
                nodes.extend([Node::Turn(number); 2]);
                layer.extend([passed.start - 1, passed.end]);
                pieces.extend([(turns[0], to), (from, turns[1])]);
                turns
            } else {
                [from, to]
            };
            let way = std::iter::once(ends[0]).chain(bends.clone()).chain(std::iter::once(ends[1]));
            pieces.extend(way.clone().zip(way.skip(1)));
            courses.push(if back[number] { Course::Back(bends) } else { Course::Down(bends) });
        }
        let num_layers = layer.iter().max().map_or(0, |last| last + 1);
        let mut order: Vec<Vec<u32>> = vec![Vec::new(); num_layers];
        let mut place = vec![0; nodes.len()];
        for (node, layer) in layer.iter().enumerate() {
            place[node] = order[*layer].len() as u32;
            order[*layer].push(node as u32);
        }
        Self {
            above: Neighbours::new(nodes.len(), pieces.iter().map(|(upper, lower)| (*lower, *upper))),
            below: Neighbours::new(nodes.len(), pieces.iter().copied()),
            nodes,
            layer,
            node_of,
            courses,
            order,
            place,
        }
    }

    /// Whether the piece between two nodes is within one edge, away from blocks and turns.
    pub(super) fn is_inner(&self, a: usize, b: usize) -> bool {
        matches!((self.nodes[a], self.nodes[b]), (Node::Bend(_), Node::Bend(_)))
    }

    pub(super) fn set_order(&mut self, layer: usize, order: Vec<u32>) {
        for (place, node) in order.iter().enumerate() {
            self.place[*node as usize] = place as u32;
        }
        self.order[layer] = order;
    }
}

/// Layers on which a link has bends.
fn passed_layers(from: usize, to: usize, is_back: bool) -> Range<usize> {
    if is_back { to..from + 1 } else { from + 1..to }
}

/// For each link whether it takes a lane: the longest ones, until the others have few enough bends.
fn lanes(units: &Units, back: &[bool], layers: &[usize]) -> Vec<bool> {
    let bends = |number: usize| {
        let link = &units.links[number];
        passed_layers(layers[link.from], layers[link.to], back[number]).len()
    };
    let mut sum: usize = (0..units.links.len()).map(bends).sum();
    let mut in_lane = vec![false; units.links.len()];
    let most = max_points(units.widths.len(), units.links.len());
    if sum > most {
        let mut longest: Vec<usize> = (0..units.links.len()).collect();
        longest.sort_by_key(|number| std::cmp::Reverse(bends(*number)));
        for number in longest {
            if sum <= most {
                break;
            }
            sum -= bends(number);
            in_lane[number] = true;
        }
    }
    in_lane
}
