//! How good a drawing is: what tests, measurements and the fuzz target hold it to.

use super::{Drawing, FlowGraph, Point, Rect};

/// Measures of a drawing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Quality {
    /// Pairs of blocks that overlap.
    pub overlaps: u64,
    /// Pieces of edges that touch a block anywhere but at the edge's own ends.
    pub through: u64,
    /// Crossings of edges.
    pub crossings: u64,
    /// Edges that do not leave at the lower side of their block or do not enter at the upper side.
    pub misplaced: u64,
    /// Places where pieces of two edges lie on each other for more than a point.
    pub shared: u64,
    /// Corners of all edges.
    pub bends: u64,
    /// Length of all edges, in pixels.
    pub length: i64,
}

/// Measures a drawing of a graph.
pub fn measure(graph: &FlowGraph, drawing: &Drawing) -> Quality {
    let lines: Vec<Vec<[f64; 2]>> = drawing.routes.iter().map(|route| line(&route.points)).collect();
    let length = |points: &[Point]| -> i64 {
        points.windows(2).map(|pair| (pair[0].x - pair[1].x).abs() + (pair[0].y - pair[1].y).abs()).sum()
    };
    Quality {
        overlaps: overlaps(&drawing.blocks),
        through: through(drawing),
        crossings: crossings(&lines),
        misplaced: misplaced(graph, drawing),
        shared: shared(drawing),
        bends: drawing.routes.iter().map(|route| route.points.len().saturating_sub(2) as u64).sum(),
        length: drawing.routes.iter().map(|route| length(&route.points)).sum(),
    }
}

fn line(points: &[Point]) -> Vec<[f64; 2]> {
    points.iter().map(|point| [point.x as f64, point.y as f64]).collect()
}

/// Pairs of overlapping rectangles.
fn overlaps(blocks: &[Rect]) -> u64 {
    let mut sorted: Vec<&Rect> = blocks.iter().collect();
    sorted.sort_by_key(|block| block.y);
    let mut open: Vec<&Rect> = Vec::new();
    let mut sum = 0;
    for block in sorted {
        open.retain(|other| other.bottom() > block.y);
        sum += open.iter().filter(|other| other.x < block.right() && block.x < other.right()).count() as u64;
        open.push(block);
    }
    sum
}

fn through(drawing: &Drawing) -> u64 {
    let mut blocks: Vec<&Rect> = drawing.blocks.iter().collect();
    blocks.sort_by_key(|block| block.y);
    let tallest = blocks.iter().map(|block| block.height).max().unwrap_or_default();
    let mut sum = 0;
    for route in &drawing.routes {
        let last = route.points.len().saturating_sub(2);
        for (at, pair) in route.points.windows(2).enumerate() {
            let (left, right) = (pair[0].x.min(pair[1].x), pair[0].x.max(pair[1].x));
            let (mut top, mut bottom) = (pair[0].y.min(pair[1].y), pair[0].y.max(pair[1].y));
            // The ends lie on the sides of their blocks.
            top += i64::from(at == 0);
            bottom -= i64::from(at == last);
            let from = blocks.partition_point(|block| block.y < top - tallest);
            let near = blocks[from..].iter().take_while(|block| block.y <= bottom);
            let hits = near.filter(|block| {
                left <= block.right() && right >= block.x && bottom >= block.y && top <= block.bottom()
            });
            sum += hits.count() as u64;
        }
    }
    sum
}

fn shared(drawing: &Drawing) -> u64 {
    // Whether it is vertical, the coordinate that does not change, start and end of the other one.
    let mut pieces: Vec<(bool, i64, i64, i64)> = Vec::new();
    for route in &drawing.routes {
        pieces.extend(route.points.windows(2).map(|pair| {
            let (a, b) = (pair[0], pair[1]);
            if a.x == b.x {
                (true, a.x, a.y.min(b.y), a.y.max(b.y))
            } else {
                (false, a.y, a.x.min(b.x), a.x.max(b.x))
            }
        }));
    }
    pieces.sort_unstable();
    let mut sum = 0;
    let mut before: Option<(bool, i64, i64)> = None;
    for (is_vertical, at, start, end) in pieces {
        let same = before.filter(|(vertical, place, _)| (*vertical, *place) == (is_vertical, at));
        sum += u64::from(same.is_some_and(|(_, _, reach)| start < reach));
        before = Some((is_vertical, at, same.map_or(end, |(_, _, reach)| reach.max(end))));
    }
    sum
}

fn misplaced(graph: &FlowGraph, drawing: &Drawing) -> u64 {
    let is_misplaced = |route: &&super::Route| {
        let Some(edge) = graph.edges.get(route.edge as usize) else { return true };
        let (from, to) = (drawing.blocks[edge.from as usize], drawing.blocks[edge.to as usize]);
        let [first, second, .., before, last] = route.points[..] else {
            let [first, last] = route.points[..] else { return true };
            return !(leaves(from, first) && enters(to, last) && first.x == last.x && first.y < last.y);
        };
        let is_vertical =
            first.x == second.x && first.y < second.y && before.x == last.x && before.y < last.y;
        !(is_vertical && leaves(from, first) && enters(to, last))
    };
    drawing.routes.iter().filter(is_misplaced).count() as u64
}

fn leaves(block: Rect, point: Point) -> bool {
    point.y == block.bottom() && block.x < point.x && point.x < block.right()
}

fn enters(block: Rect, point: Point) -> bool {
    point.y == block.y && block.x < point.x && point.x < block.right()
}

/// Crossings of lines: places where pieces of two different lines cross within both.
pub fn crossings(lines: &[Vec<[f64; 2]>]) -> u64 {
    struct Piece {
        a: [f64; 2],
        b: [f64; 2],
        line: usize,
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for (line, points) in lines.iter().enumerate() {
        pieces.extend(points.windows(2).map(|pair| {
            let is_down = pair[0][1] <= pair[1][1];
            let (a, b) = if is_down { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
            Piece { a, b, line }
        }));
    }
    pieces.sort_by(|one, other| one.a[1].total_cmp(&other.a[1]));
    let mut open: Vec<&Piece> = Vec::new();
    let mut sum = 0;
    for piece in &pieces {
        open.retain(|other| other.b[1] >= piece.a[1]);
        let crosses = |other: &&&Piece| other.line != piece.line && cross(piece.a, piece.b, other.a, other.b);
        sum += open.iter().filter(crosses).count() as u64;
        open.push(piece);
    }
    sum
}

/// Whether the inner parts of two pieces have one point in common.
fn cross(a: [f64; 2], b: [f64; 2], c: [f64; 2], d: [f64; 2]) -> bool {
    let side =
        |a: [f64; 2], b: [f64; 2], p: [f64; 2]| (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
    let (of_c, of_d) = (side(a, b, c), side(a, b, d));
    let (of_a, of_b) = (side(c, d, a), side(c, d, b));
    of_c * of_d < 0.0 && of_a * of_b < 0.0
}
