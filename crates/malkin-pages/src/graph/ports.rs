//! Where edges leave and enter blocks.
//!
//! The order of the ports of a side follows the other ends, so that edges of one block do not cross each other: loops closed
//! at the left, the nearest first; then edges to the next layer from left to right; lanes; loops closed at the right, the
//! farthest first; last the edges from a unit to itself. Within that order a port slides towards the other end, because
//! an edge whose ends have the same x needs no horizontal piece.

use super::GRID;
use super::proper::{Course, Proper};
use super::units::Units;

/// The x of both ends of each link, and of both ends of each edge from a unit to itself.
#[derive(Debug)]
pub(super) struct Ports {
    /// Of each link: where it leaves, where it enters.
    pub(super) links: Vec<[i64; 2]>,
    /// The same for loops.
    pub(super) loops: Vec<[i64; 2]>,
}

/// Which end of which edge. Ordered: first by group and place, then by number.
#[derive(Clone, Copy, Debug)]
struct Port {
    key: (u8, i64, usize),
    /// Number of the link, or of the loop.
    number: usize,
    is_loop: bool,
    /// Where it would like to be, and whether that makes the edge straight.
    wish: Wish,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Left,
    Spread,
    Right,
    At(i64),
}

const LEAVING: usize = 0;
const ENTERING: usize = 1;

/// Gives every edge its ends.
pub(super) fn assign(graph: &Proper, units: &Units, centers: &[i64]) -> Ports {
    let mut ports = Ports { links: vec![[0; 2]; units.links.len()], loops: vec![[0; 2]; units.loops.len()] };
    let mut sides = sides(graph, units, centers);
    for (unit, [below, above]) in sides.iter_mut().enumerate() {
        for (side, list) in [(LEAVING, below), (ENTERING, above)] {
            list.sort_by_key(|port| port.key);
            set(units, unit, side, list, &mut ports, graph, centers);
        }
    }
    // Between two blocks both ends can slide: they meet where the second can be once the first is placed.
    for round in [ENTERING, LEAVING] {
        for (unit, both) in sides.iter_mut().enumerate() {
            let list = &mut both[round];
            let mut is_moved = false;
            for port in list.iter_mut().filter(|port| !port.is_loop) {
                if is_direct(graph, port.number) && matches!(port.wish, Wish::At(_)) {
                    port.wish = Wish::At(ports.links[port.number][1 - round]);
                    is_moved = true;
                }
            }
            if is_moved {
                set(units, unit, round, list, &mut ports, graph, centers);
            }
        }
    }
    ports
}

/// Whether a link joins two blocks of neighbouring layers.
fn is_direct(graph: &Proper, link: usize) -> bool {
    matches!(&graph.courses[link], Course::Down(bends) if bends.is_empty())
}

/// The ports of each unit: below and above, in no order.
fn sides(graph: &Proper, units: &Units, centers: &[i64]) -> Vec<[Vec<Port>; 2]> {
    let mut sides: Vec<[Vec<Port>; 2]> = vec![[Vec::new(), Vec::new()]; units.len()];
    for (number, link) in units.links.iter().enumerate() {
        let (from, to) = (graph.node_of[link.from], graph.node_of[link.to]);
        let [leaving, entering] = match &graph.courses[number] {
            Course::Lane => [((2, 0, number), Wish::Right), ((2, 0, number), Wish::Right)],
            Course::Down(bends) if bends.is_empty() => {
                let meet = Wish::At(meeting(units, link.from, link.to, centers[from], centers[to]));
                [
                    ((1, i64::from(graph.place[to]), number), meet),
                    ((1, i64::from(graph.place[from]), number), meet),
                ]
            }
            Course::Down(bends) => [bends.start, bends.end - 1]
                .map(|bend| ((1, i64::from(graph.place[bend]), number), Wish::At(centers[bend]))),
            Course::Back(bends) => [(bends.end - 1, from), (bends.start, to)].map(|(bend, node)| {
                let place = i64::from(graph.place[bend]);
                let is_left = graph.place[bend] < graph.place[node];
                if is_left { ((0, -place, number), Wish::Left) } else { ((3, -place, number), Wish::Right) }
            }),
        };
        for (unit, side, (key, wish)) in [(link.from, LEAVING, leaving), (link.to, ENTERING, entering)] {
            let wish = match wish {
                Wish::At(x) if !reaches(units, unit, side, centers[graph.node_of[unit]], x) => Wish::Spread,
                wish => wish,
            };
            sides[unit][side].push(Port { key, number, is_loop: false, wish });
        }
    }
    for (number, link) in units.loops.iter().enumerate() {
        let port = Port { key: (4, 0, units.loops.len() - number), number, is_loop: true, wish: Wish::Right };
        sides[link.from][LEAVING].push(port);
        sides[link.to][ENTERING].push(port);
    }
    sides
}

/// The block of a unit that has the ports of a side.
fn block_of(units: &Units, unit: usize, side: usize) -> usize {
    if side == LEAVING { units.tail(unit) } else { units.head(unit) }
}

fn reaches(units: &Units, unit: usize, side: usize, center: i64, x: i64) -> bool {
    (x - center).abs() <= units.widths[block_of(units, unit, side)] / 2 - GRID
}

/// An x both blocks of a direct edge reach, as near to the middle of both as can be; one that neither reaches if there is none.
fn meeting(units: &Units, from: usize, to: usize, from_x: i64, to_x: i64) -> i64 {
    let span = |unit: usize, side: usize, x: i64| {
        let half = units.widths[block_of(units, unit, side)] / 2 - GRID;
        (x - half, x + half)
    };
    let (a, b) = (span(from, LEAVING, from_x), span(to, ENTERING, to_x));
    let (left, right) = (a.0.max(b.0), a.1.min(b.1));
    if left > right {
        return i64::MIN / 2;
    }
    to_x.clamp(left, right)
}

/// Places the ports of one side in their order, at least a grid step apart: those that make an edge straight where they wish
/// to be, the others evenly in between.
fn set(
    units: &Units,
    unit: usize,
    side: usize,
    list: &[Port],
    ports: &mut Ports,
    graph: &Proper,
    centers: &[i64],
) {
    if list.is_empty() {
        return;
    }
    let node = graph.node_of[unit];
    // Units that are set aside have loops only; they are moved with these.
    let center = centers.get(node).copied().unwrap_or(0);
    let half = units.widths[block_of(units, unit, side)] / 2;
    let count = list.len() as i64;
    let (left, right) = (center - half, center + half);
    let spread = |at: i64| left + ((2 * half * (at + 1)) / (count + 1)).div_euclid(GRID) * GRID;
    let mut x: Vec<i64> = Vec::with_capacity(list.len());
    for (at, port) in list.iter().enumerate() {
        let at = at as i64;
        let wish = match port.wish {
            Wish::Left => left + GRID * (at + 1),
            Wish::Right => right - GRID * (count - at),
            Wish::Spread => spread(at),
            Wish::At(x) => x,
        };
        let low = x.last().map_or(left, |before| *before) + GRID;
        x.push(wish.clamp(low.min(right - GRID * (count - at)), right - GRID * (count - at)));
    }
    // What was pushed to the right by a neighbour that need not be there goes back to the left.
    for at in (0..list.len().saturating_sub(1)).rev() {
        if let Wish::At(wish) = list[at + 1].wish {
            let next = wish.clamp(left + GRID * (at as i64 + 2), x[at + 1]);
            if next < x[at + 1] && matches!(list[at].wish, Wish::Spread | Wish::Right) {
                x[at + 1] = next;
                x[at] = x[at].min(next - GRID);
            }
        }
        x[at] = x[at].min(x[at + 1] - GRID);
    }
    for (port, x) in list.iter().zip(x) {
        let place = if port.is_loop { &mut ports.loops[port.number] } else { &mut ports.links[port.number] };
        place[side] = x;
    }
}
