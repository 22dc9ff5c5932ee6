//! The drawing: heights of layers and of the space between them, rectangles of blocks, lines of edges.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::circles;
use super::layers::NOWHERE;
use super::ports::Ports;
use super::proper::{Course, Proper};
use super::tracks::{self, Joins, Piece};
use super::units::Units;
use super::{CHAIN_GAP, Drawing, FlowGraph, GRID, LAYER_GAP, MARGIN, Point, Rect, Route, TRACK};

/// Distance of two lanes, and of two loops of one block, in pixels.
const LANE: i64 = 2 * GRID;
/// Distance of two rows of blocks that stand apart, in pixels.
const ROW_GAP: i64 = 4 * GRID;

/// Draws what was decided.
pub(super) fn draw(
    graph: &FlowGraph,
    units: &Units,
    proper: &Proper,
    centers: &[i64],
    mut ports: Ports,
) -> Drawing {
    let lanes = lanes(units, proper, centers);
    let mut gaps = Gaps::new(proper, units, centers, &ports, &lanes);
    circles::open(&mut gaps.pieces, &gaps.of_links, &mut ports);
    gaps.set_tracks();
    let (layer_y, end) = gaps.heights(proper, units);
    let mut drawing = Drawing { blocks: vec![Rect::default(); graph.blocks.len()], ..Drawing::default() };
    for unit in (0..units.len()).filter(|unit| proper.node_of[*unit] != NOWHERE) {
        let node = proper.node_of[unit];
        stack(graph, units, unit, centers[node], layer_y[proper.layer[node]], &mut drawing);
    }
    Lines { proper, units, ports: &ports, gaps: &gaps }.all(&mut drawing);
    set_apart(graph, units, &ports, end, &mut drawing);
    for edge in &units.inner {
        let ends = &graph.edges[*edge];
        let (from, to) = (drawing.blocks[ends.from as usize], drawing.blocks[ends.to as usize]);
        let x = from.center();
        let points = vec![Point { x, y: from.bottom() }, Point { x, y: to.y }];
        drawing.routes.push(Route { edge: *edge as u32, points, is_back: false });
    }
    drawing.routes.sort_by_key(|route| route.edge);
    frame(&mut drawing);
    drawing
}

/// Stacks the blocks of a unit.
fn stack(graph: &FlowGraph, units: &Units, unit: usize, center: i64, top: i64, drawing: &mut Drawing) {
    let mut y = top;
    for block in &units.blocks[unit] {
        let block = *block as usize;
        let (width, height) = (units.widths[block], i64::from(graph.blocks[block].height));
        drawing.blocks[block] = Rect { x: center - width / 2, y, width, height };
        y += height + CHAIN_GAP;
    }
}

/// The x of the lane of each link that takes one: right of everything, each as far left as the ones before leave room.
fn lanes(units: &Units, proper: &Proper, centers: &[i64]) -> Vec<i64> {
    let mut spans: Vec<(usize, usize, usize)> = Vec::new();
    for (number, link) in units.links.iter().enumerate() {
        if proper.courses[number] == Course::Lane {
            let leaves = proper.layer[proper.node_of[link.from]];
            let enters = proper.layer[proper.node_of[link.to]] - 1;
            spans.push((leaves.min(enters), leaves.max(enters), number));
        }
    }
    spans.sort_unstable();
    let mut x = vec![0; units.links.len()];
    let right = (0..units.len()).filter(|unit| proper.node_of[*unit] != NOWHERE);
    let right = right.map(|unit| centers[proper.node_of[unit]] + units.half[unit]);
    let right = right.chain(centers.iter().copied()).max().unwrap_or_default();
    let mut free: BinaryHeap<Reverse<(usize, usize)>> = BinaryHeap::new();
    let mut count = 0;
    for (start, end, number) in spans {
        let lane = match free.peek() {
            Some(Reverse((ended, lane))) if *ended < start => {
                let lane = *lane;
                free.pop();
                lane
            }
            _ => {
                count += 1;
                count - 1
            }
        };
        free.push(Reverse((end, lane)));
        x[number] = right + LANE * (lane as i64 + 2);
    }
    x
}

/// The spaces between a layer and the next, each with its pieces.
struct Gaps {
    pieces: Vec<Vec<Piece>>,
    tracks: Vec<Vec<usize>>,
    /// The y of the track of each piece, once heights are known.
    y: Vec<Vec<i64>>,
    height: Vec<i64>,
    /// Where the pieces of links are, from top to bottom or as the course says; loops have the lower one first.
    of_links: Vec<Vec<(u32, u32)>>,
    of_loops: Vec<[(u32, u32); 2]>,
    /// The x of the column of each loop.
    columns: Vec<i64>,
}

impl Gaps {
    fn new(proper: &Proper, units: &Units, centers: &[i64], ports: &Ports, lanes: &[i64]) -> Self {
        let mut gaps = Self {
            pieces: vec![Vec::new(); proper.order.len().max(1)],
            tracks: Vec::new(),
            y: Vec::new(),
            height: Vec::new(),
            of_links: Vec::with_capacity(units.links.len()),
            of_loops: Vec::new(),
            columns: Vec::new(),
        };
        for (number, link) in units.links.iter().enumerate() {
            let [leaves, enters] = ports.links[number];
            let below = proper.layer[proper.node_of[link.from]];
            let above = proper.layer[proper.node_of[link.to]] - 1;
            let through = |from, to| Piece { from, to, joins: Joins::Through };
            let places = match &proper.courses[number] {
                Course::Lane => vec![
                    gaps.add(below, through(leaves, lanes[number])),
                    gaps.add(above, through(lanes[number], enters)),
                ],
                Course::Back(bends) => {
                    let (top, bottom) = (centers[bends.start], centers[bends.end - 1]);
                    let mut places =
                        vec![gaps.add(below, Piece { from: leaves, to: bottom, joins: Joins::Upper })];
                    for bend in bends.clone().skip(1).rev() {
                        places.push(
                            gaps.add(proper.layer[bend] - 1, through(centers[bend - 1], centers[bend])),
                        );
                    }
                    places.push(gaps.add(above, Piece { from: top, to: enters, joins: Joins::Lower }));
                    places
                }
                Course::Down(bends) => {
                    let mut x = leaves;
                    let mut places = Vec::with_capacity(bends.len() + 1);
                    for (layer, next) in
                        (below..).zip(bends.clone().map(|bend| centers[bend]).chain(std::iter::once(enters)))
                    {
                        places.push(gaps.add(layer, through(x, next)));
                        x = next;
                    }
                    places
                }
            };
            gaps.of_links.push(places);
        }
        gaps.add_loops(proper, units, centers, ports);
        gaps
    }

    fn add_loops(&mut self, proper: &Proper, units: &Units, centers: &[i64], ports: &Ports) {
        let mut count = vec![0; units.len()];
        for (number, link) in units.loops.iter().enumerate() {
            let node = proper.node_of[link.from];
            let center = if node == NOWHERE { 0 } else { centers[node] };
            let column = center + loop_column(units, link.from, count[link.from]);
            count[link.from] += 1;
            self.columns.push(column);
            if node == NOWHERE {
                self.of_loops.push([(0, 0); 2]);
                continue;
            }
            let [from, to] = ports.loops[number];
            let layer = proper.layer[node];
            let lower = self.add(layer, Piece { from, to: column, joins: Joins::Upper });
            let upper = self.add(layer - 1, Piece { from: column, to, joins: Joins::Lower });
            self.of_loops.push([lower, upper]);
        }
    }

    fn add(&mut self, gap: usize, piece: Piece) -> (u32, u32) {
        if gap >= self.pieces.len() {
            self.pieces.resize(gap + 1, Vec::new());
        }
        self.pieces[gap].push(piece);
        (gap as u32, self.pieces[gap].len() as u32 - 1)
    }

    fn set_tracks(&mut self) {
        for pieces in &self.pieces {
            let (track, count) = tracks::assign(pieces);
            self.tracks.push(track);
            let height = if pieces.is_empty() { 0 } else { LAYER_GAP.max(TRACK * (count as i64 + 2)) };
            self.height.push(height);
        }
    }

    /// The y of the top of each layer, and the end of the last gap.
    fn heights(&mut self, proper: &Proper, units: &Units) -> (Vec<i64>, i64) {
        let mut heights = vec![0; self.pieces.len()];
        for unit in (0..units.len()).filter(|unit| proper.node_of[*unit] != NOWHERE) {
            let layer = proper.layer[proper.node_of[unit]];
            heights[layer] = heights[layer].max(units.heights[unit]);
        }
        let mut y = 0;
        let mut tops = Vec::with_capacity(heights.len());
        for (layer, height) in heights.into_iter().enumerate() {
            tops.push(y);
            y += height;
            let count = self.tracks[layer].iter().max().copied().unwrap_or_default() as i64;
            // Few tracks stand in the middle of a gap.
            let first = y + (self.height[layer] - TRACK * (count - 1)) / 2;
            let track_y = self.tracks[layer].iter().map(|track| first + TRACK * (*track as i64 - 1));
            self.y.push(track_y.collect());
            y += self.height[layer];
        }
        (tops, y)
    }

    fn piece(&self, place: (u32, u32)) -> (Piece, i64) {
        let (gap, piece) = (place.0 as usize, place.1 as usize);
        (self.pieces[gap][piece], self.y[gap][piece])
    }
}

/// The x of a loop's column, from the middle of its unit.
fn loop_column(units: &Units, unit: usize, number: i64) -> i64 {
    let width = units.blocks[unit].iter().map(|block| units.widths[*block as usize]).max();
    width.unwrap_or_default() / 2 + GRID + LANE * number
}

struct Lines<'a> {
    proper: &'a Proper,
    units: &'a Units,
    ports: &'a Ports,
    gaps: &'a Gaps,
}

impl Lines<'_> {
    fn all(&self, drawing: &mut Drawing) {
        for (number, link) in self.units.links.iter().enumerate() {
            let from = drawing.blocks[self.units.tail(link.from)];
            let to = drawing.blocks[self.units.head(link.to)];
            let [leaves, enters] = self.ports.links[number];
            let places = &self.gaps.of_links[number];
            let mut points = vec![Point { x: leaves, y: from.bottom() }];
            for place in places {
                let (piece, y) = self.gaps.piece(*place);
                // The bends of a loop are passed upwards.
                let is_back = matches!(self.proper.courses[number], Course::Back(_));
                let (a, b) = if is_back && piece.joins == Joins::Through {
                    (piece.to, piece.from)
                } else {
                    (piece.from, piece.to)
                };
                if a != b || piece.joins != Joins::Through {
                    points.extend([Point { x: a, y }, Point { x: b, y }]);
                }
            }
            points.push(Point { x: enters, y: to.y });
            let is_back = match self.proper.courses[number] {
                Course::Back(_) => true,
                Course::Down(_) => false,
                Course::Lane => from.y >= to.y,
            };
            drawing.routes.push(Route { edge: link.edge as u32, points: straight(points), is_back });
        }
        for (number, link) in self.units.loops.iter().enumerate() {
            if self.proper.node_of[link.from] == NOWHERE {
                continue;
            }
            let [lower, upper] = self.gaps.of_loops[number].map(|place| self.gaps.piece(place).1);
            let from = drawing.blocks[self.units.tail(link.from)];
            let to = drawing.blocks[self.units.head(link.to)];
            let points = loop_points(
                self.ports.loops[number],
                self.gaps.columns[number],
                [from.bottom(), lower, upper, to.y],
            );
            drawing.routes.push(Route { edge: link.edge as u32, points, is_back: true });
        }
    }
}

/// From the lower side down, to the column, up, and down into the upper side.
fn loop_points(ports: [i64; 2], column: i64, y: [i64; 4]) -> Vec<Point> {
    let x = [ports[0], ports[0], column, column, ports[1], ports[1]];
    let y = [y[0], y[1], y[1], y[2], y[2], y[3]];
    straight(x.into_iter().zip(y).map(|(x, y)| Point { x, y }).collect())
}

/// A line without points that change nothing.
fn straight(points: Vec<Point>) -> Vec<Point> {
    let mut line: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        if line.last() == Some(&point) {
            continue;
        }
        if let [.., a, b] = line[..]
            && ((a.x == b.x && b.x == point.x && (b.y - a.y).signum() == (point.y - b.y).signum())
                || (a.y == b.y && b.y == point.y && (b.x - a.x).signum() == (point.x - b.x).signum()))
        {
            line.pop();
        }
        line.push(point);
    }
    line
}

/// Units without edges to others, in rows below.
fn set_apart(graph: &FlowGraph, units: &Units, ports: &Ports, top: i64, drawing: &mut Drawing) {
    let apart: Vec<usize> = (0..units.len()).filter(|unit| units.apart[*unit]).collect();
    if apart.is_empty() {
        return;
    }
    let mut loops: Vec<Vec<usize>> = vec![Vec::new(); units.len()];
    for (number, link) in units.loops.iter().enumerate() {
        loops[link.from].push(number);
    }
    let left =
        drawing.blocks.iter().filter(|block| block.width > 0).map(|block| block.x).min().unwrap_or_default();
    let right = drawing.blocks.iter().map(Rect::right).max().unwrap_or_default();
    let area: i64 =
        apart.iter().map(|unit| (2 * units.half[*unit] + ROW_GAP) * (units.heights[*unit] + ROW_GAP)).sum();
    // As wide as the rest, or about square.
    let limit = left + (right - left).max((area as f64).sqrt() as i64);
    let (mut x, mut y, mut row_end) = (left, top + ROW_GAP, top + ROW_GAP);
    for unit in apart {
        if x > left && x + 2 * units.half[unit] > limit {
            (x, y) = (left, row_end + ROW_GAP);
        }
        let room = TRACK * (loops[unit].len() as i64 + 1);
        let center = x + units.half[unit];
        stack(graph, units, unit, center, y + room, drawing);
        let (head, tail) = (drawing.blocks[units.head(unit)], drawing.blocks[units.tail(unit)]);
        let count = loops[unit].len() as i64;
        for (at, number) in loops[unit].iter().enumerate() {
            let column = center + loop_column(units, unit, at as i64);
            // The first loop has the innermost column and the innermost tracks.
            let depth = TRACK * (at as i64 + 1);
            let points = loop_points(
                ports.loops[*number].map(|x| x + center),
                column,
                [tail.bottom(), tail.bottom() + depth, head.y - depth, head.y],
            );
            drawing.routes.push(Route { edge: units.loops[*number].edge as u32, points, is_back: true });
        }
        row_end = row_end.max(tail.bottom() + TRACK * (count + 1));
        x += 2 * units.half[unit] + ROW_GAP;
    }
}

/// Moves the drawing to the margin and sets its size.
fn frame(drawing: &mut Drawing) {
    let blocks =
        drawing.blocks.iter().flat_map(|block| [(block.x, block.y), (block.right(), block.bottom())]);
    let points = drawing.routes.iter().flat_map(|route| route.points.iter().map(|point| (point.x, point.y)));
    let mut corner = [i64::MAX, i64::MAX, i64::MIN, i64::MIN];
    for (x, y) in blocks.chain(points) {
        corner = [corner[0].min(x), corner[1].min(y), corner[2].max(x), corner[3].max(y)];
    }
    let (dx, dy) = (MARGIN - corner[0], MARGIN - corner[1]);
    for block in &mut drawing.blocks {
        block.x += dx;
        block.y += dy;
    }
    for point in drawing.routes.iter_mut().flat_map(|route| &mut route.points) {
        point.x += dx;
        point.y += dy;
    }
    drawing.width = corner[2] + dx + MARGIN;
    drawing.height = corner[3] + dy + MARGIN;
}
