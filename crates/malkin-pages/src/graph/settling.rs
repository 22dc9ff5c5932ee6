//! Moves blocks and long edges towards what they are joined with, without changing the order in any layer.
//!
//! The straight runs of the bends of an edge move as one piece, and so does each unit. In every round each piece wishes to be at
//! the weighted median of its neighbours, an edge where it is straight with the nearer of its ends. Then pieces are pushed apart
//! to the right, and by themselves to the left; both keep all distances, and so does their mean, which is taken.
//!
//! Columns drift apart where many edges cross: the first positions of a tangled function can be five times as wide as its
//! widest layer. So all pieces stay within a window somewhat wider than the least possible width.

use super::proper::{Course, Node, Proper};
use super::units::Units;
use super::{GRID, MAX_SETTLE_WORK};

/// Most rounds. More change little: positions settle within some ten.
const ROUNDS: usize = 24;

/// Width of the window: this many halves of the least possible width, and some pixels for symmetry in small drawings.
const WINDOW_HALVES: i64 = 3;
const WINDOW_EXTRA: i64 = 80 * GRID;
/// Places tried for the window.
const WINDOW_PLACES: i64 = 12;

/// Weight of an edge between two blocks, of one that passes layers, and of the pieces of one edge among each other.
const DIRECT: i64 = 2;
const PASSING: i64 = 1;
const WITHIN: i64 = 4;

/// What a piece is joined with: another piece, and how strongly.
#[derive(Clone, Copy)]
struct Joint {
    piece: usize,
    weight: i64,
}

struct Pieces {
    x: Vec<i64>,
    /// Half of what a unit can offer to straight edges; 0 for edges.
    reach: Vec<i64>,
    is_unit: Vec<bool>,
    joints: Vec<Vec<Joint>>,
    /// Neighbours at the right and their distance.
    right: Vec<Vec<(usize, i64)>>,
    /// Pieces from left to right.
    order: Vec<usize>,
}

/// The least and the greatest position of each piece.
struct Window {
    low: Vec<i64>,
    high: Vec<i64>,
}

impl Window {
    /// Positions within the window. They keep all distances, because `low`, `high` and `x` do.
    fn clamp(&self, x: &[i64]) -> Vec<i64> {
        x.iter().zip(self.low.iter().zip(&self.high)).map(|(x, (low, high))| *x.max(low).min(high)).collect()
    }
}

/// Two nodes beside each other in a layer, and the least distance of their middles in pixels.
pub(super) type Gap = (usize, usize, i64);

/// Improves positions that keep all distances; they still do afterwards.
pub(super) fn settle(graph: &Proper, units: &Units, gaps: &[Gap], x: &mut [i64]) {
    let piece_of = pieces_of(graph, x);
    let mut pieces = Pieces::new(graph, units, gaps, x, &piece_of);
    let window = pieces.window();
    pieces.x = window.clamp(&pieces.x);
    let steps = pieces.joints.iter().zip(&pieces.right).map(|(joints, right)| 1 + joints.len() + right.len());
    let rounds = ROUNDS.min(MAX_SETTLE_WORK / steps.sum::<usize>().max(1));
    for _ in 0..rounds {
        pieces.round();
        pieces.x = window.clamp(&pieces.x);
    }
    for (node, piece) in piece_of.iter().enumerate() {
        x[node] = pieces.x[*piece].div_euclid(GRID) * GRID;
    }
}

/// The piece of each node: bends of one edge that follow each other at one x share theirs.
fn pieces_of(graph: &Proper, x: &[i64]) -> Vec<usize> {
    let mut piece_of = vec![0; graph.nodes.len()];
    let mut count = 0;
    for node in 0..graph.nodes.len() {
        let goes_on = match (node.checked_sub(1).map(|before| graph.nodes[before]), graph.nodes[node]) {
            (Some(Node::Bend(before)), Node::Bend(link)) => before == link && x[node - 1] == x[node],
            _ => false,
        };
        count += usize::from(!goes_on);
        piece_of[node] = count - 1;
    }
    piece_of
}

impl Pieces {
    fn new(graph: &Proper, units: &Units, gaps: &[Gap], x: &[i64], piece_of: &[usize]) -> Self {
        let count = piece_of.last().map_or(0, |last| last + 1);
        let mut pieces = Self {
            x: vec![0; count],
            reach: vec![0; count],
            is_unit: vec![false; count],
            joints: vec![Vec::new(); count],
            right: vec![Vec::new(); count],
            order: (0..count).collect(),
        };
        for (node, piece) in piece_of.iter().enumerate() {
            pieces.x[*piece] = x[node];
            if let Node::Unit(unit) = graph.nodes[node] {
                pieces.is_unit[*piece] = true;
                let widths = [units.head(unit), units.tail(unit)].map(|block| units.widths[block]);
                pieces.reach[*piece] = widths[0].min(widths[1]) / 2 - GRID;
            }
        }
        pieces.join(graph, units, piece_of);
        for (left, right, distance) in gaps {
            pieces.right[piece_of[*left]].push((piece_of[*right], *distance));
        }
        for right in &mut pieces.right {
            right.sort_unstable_by_key(|(piece, distance)| (*piece, -distance));
            right.dedup_by_key(|(piece, _)| *piece);
        }
        let x = &pieces.x;
        pieces.order.sort_by_key(|piece| x[*piece]);
        pieces
    }

    fn join(&mut self, graph: &Proper, units: &Units, piece_of: &[usize]) {
        for (number, link) in units.links.iter().enumerate() {
            let (from, to) =
                (piece_of_unit(graph, piece_of, link.from), piece_of_unit(graph, piece_of, link.to));
            match &graph.courses[number] {
                Course::Lane => {}
                Course::Down(bends) if bends.is_empty() => self.joint(from, to, DIRECT),
                Course::Down(bends) => {
                    self.joint(from, piece_of[bends.start], PASSING);
                    self.within(bends.clone().map(|bend| piece_of[bend]));
                    self.joint(piece_of[bends.end - 1], to, PASSING);
                }
                Course::Back(bends) => {
                    self.joint(to, piece_of[bends.start], PASSING);
                    self.within(bends.clone().map(|bend| piece_of[bend]));
                    self.joint(piece_of[bends.end - 1], from, PASSING);
                }
            }
        }
    }

    fn within(&mut self, pieces: impl Iterator<Item = usize> + Clone) {
        for (a, b) in pieces.clone().zip(pieces.skip(1)).filter(|(a, b)| a != b) {
            self.joint(a, b, WITHIN);
        }
    }

    fn joint(&mut self, a: usize, b: usize, weight: i64) {
        self.joints[a].push(Joint { piece: b, weight });
        self.joints[b].push(Joint { piece: a, weight });
    }

    /// A window where edges are short, among some places.
    fn window(&self) -> Window {
        // As far left as possible, and how much must have room at the right.
        let mut low = vec![0; self.x.len()];
        for &piece in &self.order {
            for &(right, distance) in &self.right[piece] {
                low[right] = low[right].max(low[piece] + distance);
            }
        }
        let mut room = vec![0; self.x.len()];
        for &piece in self.order.iter().rev() {
            for &(right, distance) in &self.right[piece] {
                room[piece] = room[piece].max(room[right] + distance);
            }
        }
        let least = low.iter().max().copied().unwrap_or_default();
        let width = (least * WINDOW_HALVES + WINDOW_EXTRA).div_euclid(2 * GRID) * GRID;
        let left = self.x.iter().min().copied().unwrap_or_default();
        let spare = (self.x.iter().max().copied().unwrap_or_default() - left - width).max(0);
        let at = |place: i64| {
            let left = left + (spare * place).div_euclid(WINDOW_PLACES * GRID) * GRID;
            let low = low.iter().map(|low| left + low).collect();
            let high = room.iter().map(|room| left + width - room).collect();
            Window { low, high }
        };
        let places = if spare == 0 { 0..=0 } else { 0..=WINDOW_PLACES };
        let best = places.min_by_key(|place| self.length(&at(*place).clamp(&self.x)));
        at(best.unwrap_or_default())
    }

    /// Weighted horizontal length of all joints at some positions.
    fn length(&self, x: &[i64]) -> i64 {
        let of = |piece: usize| -> i64 {
            self.joints[piece].iter().map(|joint| (x[piece] - x[joint.piece]).abs() * joint.weight).sum()
        };
        (0..x.len()).map(of).sum()
    }

    fn round(&mut self) {
        let wish: Vec<i64> = (0..self.x.len()).map(|piece| self.wish(piece)).collect();
        // Pushed to the right, from the left.
        let mut low = wish.clone();
        for &piece in &self.order {
            for &(right, distance) in &self.right[piece] {
                low[right] = low[right].max(low[piece] + distance);
            }
        }
        // Pushed to the left, from the right.
        let mut high = wish;
        for &piece in self.order.iter().rev() {
            for &(right, distance) in &self.right[piece] {
                high[piece] = high[piece].min(high[right] - distance);
            }
        }
        for (x, (low, high)) in self.x.iter_mut().zip(low.into_iter().zip(high)) {
            *x = (low + high).div_euclid(2 * GRID) * GRID;
        }
    }

    fn wish(&self, piece: usize) -> i64 {
        let joints = &self.joints[piece];
        let own = self.x[piece];
        if joints.is_empty() {
            return own;
        }
        if !self.is_unit[piece] {
            let straight = joints.iter().map(|joint| {
                let (x, reach) = (self.x[joint.piece], self.reach[joint.piece]);
                own.clamp(x - reach, x + reach)
            });
            return straight.min_by_key(|x| (x - own).abs()).unwrap_or(own);
        }
        let mut near: Vec<(i64, i64)> =
            joints.iter().map(|joint| (self.x[joint.piece], joint.weight)).collect();
        near.sort_unstable();
        let total: i64 = near.iter().map(|one| one.1).sum();
        let at = |limit: i64| {
            let mut sum = 0;
            near.iter().find(|one| {
                sum += one.1;
                2 * sum >= limit
            })
        };
        let (low, high) = (at(total), at(total + 1));
        i64::midpoint(low.map_or(own, |one| one.0), high.map_or(own, |one| one.0))
    }
}

fn piece_of_unit(graph: &Proper, piece_of: &[usize], unit: usize) -> usize {
    piece_of[graph.node_of[unit]]
}
