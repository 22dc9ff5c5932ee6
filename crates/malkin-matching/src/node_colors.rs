//! Two control flow graphs side by side: which of their nodes are alike, as colours. Rules and colours of MCRIT 1.9.0
//! (`docs/reference/similarity.md` section 12).
//!
//! The program does not call this yet: it is here for the pages of results, with golden tests (`tests/golden/reading.rs`).

mod distance;

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use malkin_codehash::{FunctionEscaper, MIN_BLOCK_INSTRUCTIONS, SampleContext};
use malkin_report::{Block, Function, Va};

use distance::{MAX_DISTANCE, within};

/// Distinct instructions of the nodes compared by edit distance: the reference maps each to a printable character.
const MAX_SYMBOLS: usize = 94;
/// Pairs of nodes compared by edit distance; a real function has some thousands.
const MAX_PAIRS: usize = 20_000_000;

/// How a node of a graph is like one of the other graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeColor {
    /// Like none.
    Base,
    /// Its escaped instructions are those of another.
    Escaped,
    /// Its bytes are those of another but for addresses.
    Block,
    /// The same, but so short that this says little.
    ShortBlock,
    /// Its instructions are those of another but for so many, 0..=3.
    Near(u8),
}

impl NodeColor {
    /// The colour as `#rrggbb`, in the letters of the reference.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "#FFA0A0",
            Self::Escaped => "#00ff00",
            Self::Block => "#00DDFF",
            Self::ShortBlock => "#C0F4FF",
            Self::Near(0) => "#40ff40",
            Self::Near(1) => "#c0ff80",
            Self::Near(2) => "#FFFF40",
            Self::Near(_) => "#FFCC40",
        }
    }
}

/// Why two graphs cannot be coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ColorError {
    /// The nodes left to compare have too many different instructions.
    #[error("more than {MAX_SYMBOLS} different instructions to compare")]
    TooManySymbols,
    /// There are too many nodes left to compare.
    #[error("more than {MAX_PAIRS} pairs of nodes to compare")]
    TooManyPairs,
}

/// A function with what escaping needs to know of its sample.
pub type Graph<'a> = (&'a Function, &'a SampleContext);

/// Colours of the nodes of two functions, each side in ascending order of the nodes.
pub fn node_colors(a: Graph<'_>, b: Graph<'_>) -> Result<[Vec<(Va, NodeColor)>; 2], ColorError> {
    let mut sides = [Side::new(a), Side::new(b)];
    mark_common(&mut sides, Side::escaped_text, |_| NodeColor::Escaped);
    mark_common(&mut sides, Side::hash, |block| {
        if block.len() >= MIN_BLOCK_INSTRUCTIONS { NodeColor::Block } else { NodeColor::ShortBlock }
    });
    mark_near(&mut sides)?;
    Ok(sides.map(|side| side.blocks.iter().map(|block| block.start).zip(side.colors).collect()))
}

/// The name of a node in drawings.
pub fn node_name(start: Va) -> String {
    format!("Node{start}")
}

struct Side<'a> {
    escaper: FunctionEscaper<'a>,
    blocks: &'a [Block],
    colors: Vec<NodeColor>,
}

impl<'a> Side<'a> {
    fn new((function, context): Graph<'a>) -> Self {
        let blocks = function.code.blocks();
        Self {
            // The reference has no decoder at hand here.
            escaper: FunctionEscaper::new(function, context).without_decoder(),
            blocks,
            colors: vec![NodeColor::Base; blocks.len()],
        }
    }

    fn escaped_text(&self, block: &Block) -> String {
        let mut text = String::new();
        for (at, instruction) in self.escaper.function().code.instructions(block).enumerate() {
            if at > 0 {
                text.push(';');
            }
            self.escaper.push_text(&instruction, &mut text);
        }
        text
    }

    fn hash(&self, block: &Block) -> malkin_report::BlockHash {
        self.escaper.block_hash(block)
    }

    /// The nodes like no other, as instructions numbered by `symbols`.
    fn unlike(&self, symbols: &mut Symbols) -> Result<Vec<Node>, ColorError> {
        let all = self.blocks.iter().enumerate();
        let unlike = all.filter(|(at, _)| self.colors[*at] == NodeColor::Base);
        unlike
            .map(|(at, block)| {
                let mut numbers = Vec::with_capacity(block.len());
                for instruction in self.escaper.function().code.instructions(block) {
                    let mut text = format!("{} ", instruction.mnemonic);
                    self.escaper.push_operands(&instruction, &mut text);
                    numbers.push(symbols.number(text)?);
                }
                Ok(Node { at, start: block.start, symbols: numbers })
            })
            .collect()
    }
}

/// Colours the blocks whose key occurs on both sides.
fn mark_common<'a, K: Eq + Hash>(
    sides: &mut [Side<'a>; 2],
    key: impl Fn(&Side<'a>, &Block) -> K,
    color: impl Fn(&Block) -> NodeColor,
) {
    let keys =
        sides.each_ref().map(|side| side.blocks.iter().map(|block| key(side, block)).collect::<Vec<K>>());
    let sets = keys.each_ref().map(|keys| keys.iter().collect::<HashSet<&K>>());
    for (at, side) in sides.iter_mut().enumerate() {
        for ((block, key), slot) in side.blocks.iter().zip(&keys[at]).zip(&mut side.colors) {
            if sets[1 - at].contains(key) {
                *slot = color(block);
            }
        }
    }
}

/// Numbers of instructions that occurred.
#[derive(Default)]
struct Symbols(HashMap<String, u8>);

impl Symbols {
    fn number(&mut self, text: String) -> Result<u8, ColorError> {
        let next = self.0.len();
        let number = *self.0.entry(text).or_insert(next as u8);
        if self.0.len() > MAX_SYMBOLS { Err(ColorError::TooManySymbols) } else { Ok(number) }
    }
}

struct Node {
    /// Position among the blocks of its side.
    at: usize,
    start: Va,
    symbols: Vec<u8>,
}

/// Pairs up nodes that differ in few instructions, the nearest first.
fn mark_near(sides: &mut [Side<'_>; 2]) -> Result<(), ColorError> {
    let mut symbols = Symbols::default();
    let nodes = [sides[0].unlike(&mut symbols)?, sides[1].unlike(&mut symbols)?];
    let [a, b] = &nodes;
    if a.len().checked_mul(b.len()).is_none_or(|pairs| pairs > MAX_PAIRS) {
        return Err(ColorError::TooManyPairs);
    }
    let far = MAX_DISTANCE + 1;
    let pairs = a.iter().flat_map(|a| b.iter().map(|b| within(&a.symbols, &b.symbols).unwrap_or(far)));
    let distances: Vec<u8> = pairs.collect();
    // One set for both sides, so equal addresses get in each other's way. So it is in the reference.
    let mut used: HashSet<Va> = HashSet::new();
    for distance in 0..=MAX_DISTANCE {
        for (node, row) in a.iter().zip(distances.chunks(b.len().max(1))) {
            if used.contains(&node.start) {
                continue;
            }
            let mut others = b.iter().zip(row).filter(|(_, other)| **other == distance);
            if let Some((other, _)) = others.find(|(other, _)| !used.contains(&other.start)) {
                sides[0].colors[node.at] = NodeColor::Near(distance);
                sides[1].colors[other.at] = NodeColor::Near(distance);
                used.extend([node.start, other.start]);
            }
        }
    }
    Ok(())
}
