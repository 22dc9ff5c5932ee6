//! Layout of a control-flow graph: layered, the entry on top, right-angled edges that leave a block at its bottom and enter the
//! next at its top, loops closed at the side.
//!
//! The method of Sugiyama, Tagawa and Toda (1981) in the usual steps, one file each:
//!
//! | file | step | work |
//! |---|---|---|
//! | `units` | drop repeated edges, stack straight chains into one unit | blocks + edges |
//! | `acyclic` | find the edges that close loops, depth first from the entry | blocks + edges |
//! | `layers`, `simplex` | layers, then least total edge length (network simplex) | at most [`MAX_RANK_WORK`] steps |
//! | `proper` | one point for each layer an edge passes, at most [`max_points`]; longer edges take a lane at the side | points |
//! | `ordering` | order within the layers: medians and exchanges | at most [`MAX_ORDER_WORK`] steps beyond the first pass |
//! | `placing`, `settling` | horizontal positions (Brandes and Koepf 2001), then towards the neighbours | points + links; at most [`MAX_SETTLE_WORK`] steps |
//! | `ports` | where edges leave and enter | links, sorted |
//! | `circles` | edges that change places do not lie on each other | links, sorted |
//! | `tracks` | heights of the horizontal pieces between two layers | pieces * log(pieces) |
//! | `routes` | the lines | points |
//!
//! Nothing recurses and nothing depends on hashing or time, so that equal graphs give equal drawings. Not here: text and
//! colours (`flow_svg`), and the condensed graph of a large function (`condense`).

mod acyclic;
mod circles;
pub mod condense;
mod layers;
mod ordering;
mod placing;
mod ports;
mod proper;
pub mod quality;
mod routes;
mod settling;
mod simplex;
mod tracks;
mod units;

#[cfg(test)]
mod tests;

/// Most blocks of a graph. The largest function of the golden reports has 1,600.
pub const MAX_BLOCKS: usize = 200_000;
/// Most edges of a graph.
pub const MAX_EDGES: usize = 400_000;
/// Largest width or height of a block, in pixels.
pub const MAX_SIDE: u32 = 1 << 24;
/// Steps that the search for short edges may take. Functions of 1,600 blocks need 2 to 6 million.
pub const MAX_RANK_WORK: u64 = 20_000_000;
/// Steps that crossing reduction may take, a step being a link looked at.
pub const MAX_ORDER_WORK: u64 = 24_000_000;
/// Steps that settling of horizontal positions may take, a step being a point or a joint looked at.
pub const MAX_SETTLE_WORK: usize = 8_000_000;
/// Blocks from which a reader sees the condensed graph first: 99.9 % of functions have fewer.
pub const CONDENSE_ABOVE: usize = 400;

/// Raster of all horizontal positions, in pixels.
const GRID: i64 = 8;
/// Distance of two horizontal pieces of edges, in pixels.
const TRACK: i64 = 10;
/// Least distance of two layers, in pixels.
const LAYER_GAP: i64 = 28;
/// Distance of two stacked blocks of a chain, in pixels.
const CHAIN_GAP: i64 = 20;
/// Free space around the drawing, in pixels.
const MARGIN: i64 = 16;

/// Points that edges may have on layers they pass: what is more takes a lane at the side, the longest edges first.
pub const fn max_points(blocks: usize, edges: usize) -> usize {
    60_000 + 4 * (blocks + edges)
}

/// Width and height of a block, in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// Why control goes from one block to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EdgeKind {
    /// The condition of a branch does not hold: the next instruction.
    False,
    /// The next instruction, without a condition.
    FallThrough,
    /// An unconditional jump, or one of many targets of a jump table.
    Jump,
    /// The condition of a branch holds.
    True,
    /// An exception is thrown.
    Exception,
}

/// An edge between two blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Number of the block that is left.
    pub from: u32,
    /// Number of the block that is entered.
    pub to: u32,
    /// Why.
    pub kind: EdgeKind,
}

/// A graph to draw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FlowGraph {
    /// Sizes of the blocks; the place is the number.
    pub blocks: Vec<Size>,
    /// Edges; equal ones are drawn once.
    pub edges: Vec<Edge>,
    /// Number of the block that is entered first.
    pub entry: u32,
}

/// A place in the drawing, in pixels from its upper left corner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Point {
    /// Pixels to the right.
    pub x: i64,
    /// Pixels down.
    pub y: i64,
}

/// Where a block is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rect {
    /// Left side.
    pub x: i64,
    /// Upper side.
    pub y: i64,
    /// Not less than asked for: a block is as wide as its edges need, and a multiple of 16.
    pub width: i64,
    /// As asked for.
    pub height: i64,
}

impl Rect {
    /// The x next to the right side.
    pub const fn right(&self) -> i64 {
        self.x + self.width
    }

    /// The y next to the lower side.
    pub const fn bottom(&self) -> i64 {
        self.y + self.height
    }

    /// The middle between left and right.
    pub const fn center(&self) -> i64 {
        self.x + self.width / 2
    }
}

/// The line of an edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Number of the first of the equal edges of the graph.
    pub edge: u32,
    /// From the lower side of a block to the upper side of one, horizontal and vertical pieces in turn.
    pub points: Vec<Point>,
    /// Whether the edge closes a loop.
    pub is_back: bool,
}

/// A graph with its positions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Drawing {
    /// Pixels from left to right.
    pub width: i64,
    /// Pixels from top to bottom.
    pub height: i64,
    /// One for each block of the graph.
    pub blocks: Vec<Rect>,
    /// One for each distinct edge, in the order of the graph.
    pub routes: Vec<Route>,
}

/// Why a graph cannot be drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// More blocks than can be drawn.
    #[error("{0} blocks, more than {MAX_BLOCKS}")]
    TooManyBlocks(usize),
    /// More edges than can be drawn.
    #[error("{0} edges, more than {MAX_EDGES}")]
    TooManyEdges(usize),
    /// A block is wider or higher than [`MAX_SIDE`].
    #[error("block {0} is larger than {MAX_SIDE} pixels")]
    TooLarge(u32),
    /// An edge or the entry names a block that does not exist.
    #[error("there is no block {0}")]
    NoSuchBlock(u32),
}

/// Draws a graph.
pub fn lay_out(graph: &FlowGraph) -> Result<Drawing, LayoutError> {
    check(graph)?;
    if graph.blocks.is_empty() {
        return Ok(Drawing::default());
    }
    let units = units::Units::new(graph);
    let back = acyclic::closing_edges(&units);
    let layers = layers::assign(&units, &back);
    let mut proper = proper::Proper::new(&units, &back, &layers);
    ordering::reduce_crossings(&mut proper);
    let centers = placing::place(&proper, &units);
    let ports = ports::assign(&proper, &units, &centers);
    Ok(routes::draw(graph, &units, &proper, &centers, ports))
}

fn check(graph: &FlowGraph) -> Result<(), LayoutError> {
    if graph.blocks.len() > MAX_BLOCKS {
        return Err(LayoutError::TooManyBlocks(graph.blocks.len()));
    }
    if graph.edges.len() > MAX_EDGES {
        return Err(LayoutError::TooManyEdges(graph.edges.len()));
    }
    let is_large = |size: &Size| size.width > MAX_SIDE || size.height > MAX_SIDE;
    if let Some(large) = graph.blocks.iter().position(is_large) {
        return Err(LayoutError::TooLarge(large as u32));
    }
    let ends = graph.edges.iter().flat_map(|edge| [edge.from, edge.to]);
    let entry = (!graph.blocks.is_empty()).then_some(graph.entry);
    match ends.chain(entry).find(|block| *block as usize >= graph.blocks.len()) {
        Some(missing) => Err(LayoutError::NoSuchBlock(missing)),
        None => Ok(()),
    }
}
