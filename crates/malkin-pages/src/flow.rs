//! A function as a picture shows it: blocks with their lines of text, and edges with the reason control takes them.
//!
//! Not here: positions (`graph`) and lines on paper (`flow_svg`).

use malkin_report::{Block, Function, Va};

use crate::graph::condense::{self, Group, GroupKind};
use crate::graph::{Edge, EdgeKind, FlowGraph, Size};
use crate::text::columns;

/// Lines of one block that are shown; what is more is counted in the last line.
pub const MAX_LINES: usize = 120;
/// The same in a condensed picture.
const MAX_CONDENSED_LINES: usize = 12;
/// Characters of a mnemonic, and of operands, that are shown.
pub(crate) const MAX_OPERANDS: usize = 56;
/// Characters of a comment that are shown.
pub(crate) const MAX_COMMENT: usize = 40;
/// Width of the column of mnemonics, in characters.
pub(crate) const MNEMONIC_WIDTH: usize = 8;

/// Height of a line of text, in pixels.
pub(crate) const LINE: u32 = 15;
/// Width of a character, in hundredths of a pixel: monospaced, 12 pixels.
const CHARACTER: u32 = 723;
/// Height of the head of a block, in pixels.
pub(crate) const HEAD: u32 = 18;
/// Space around the text of a block, in pixels.
pub(crate) const PADDING: u32 = 7;

/// One line of a block.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    /// What the instruction does.
    pub mnemonic: String,
    /// On what.
    pub operands: String,
    /// What is known about it, for example the name of a called function.
    pub comment: String,
}

/// How much of a function is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Every block with its instructions.
    Full,
    /// Every block as a box, as high as it has instructions.
    Compact,
    /// Loops, chains and regions folded until few boxes are left. The block at the address stays open.
    Condensed(Option<Va>),
}

/// A box of the picture.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FlowBlock {
    /// Address of the first instruction.
    pub start: Va,
    /// Text at the right of the head: the name of the function at its entry.
    pub note: String,
    /// Lines below the head, at most [`MAX_LINES`] of them in a function's own picture.
    pub lines: Vec<Line>,
    /// Instructions that have no line.
    pub num_hidden: usize,
    /// What is folded into this box, if it is not a block.
    pub group: Option<GroupKind>,
    /// Blocks in this box.
    pub num_blocks: usize,
    /// Instructions in this box.
    pub num_instructions: usize,
}

/// A function to draw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flow {
    /// What the picture shows, in words.
    pub title: String,
    /// The boxes.
    pub blocks: Vec<FlowBlock>,
    /// Edges between them.
    pub edges: Vec<Edge>,
    /// Number of the box with the entry.
    pub entry: u32,
    /// Whether boxes have text.
    pub has_text: bool,
}

impl Flow {
    /// A function as a picture shows it.
    pub fn of_function(function: &Function, detail: Detail) -> Self {
        let blocks = function.code.blocks();
        let edges = edges(function);
        let entry =
            blocks.binary_search_by_key(&function.offset, |block| block.start).unwrap_or_default() as u32;
        let name = &function.metadata.function_name;
        let title = if name.is_empty() {
            format!("function {:#x}", function.offset.get())
        } else {
            format!("function {:#x} {name}", function.offset.get())
        };
        let most = match detail {
            Detail::Full => MAX_LINES,
            Detail::Compact => 0,
            Detail::Condensed(_) => MAX_CONDENSED_LINES,
        };
        let open = |number: usize| {
            let note = if number == entry as usize { name.clone() } else { String::new() };
            open_block(function, &blocks[number], note, most)
        };
        let mut flow = Self { title, blocks: Vec::new(), edges, entry, has_text: detail != Detail::Compact };
        let Detail::Condensed(focus) = detail else {
            flow.blocks = (0..blocks.len()).map(open).collect();
            return flow;
        };
        let focus = focus.and_then(|at| blocks.iter().position(|block| block.start == at));
        let whole = FlowGraph { blocks: vec![Size::default(); blocks.len()], edges: flow.edges, entry };
        let condensed = condense::condense(&whole, focus.map(|at| at as u32));
        let of_group = |group: &Group| match group.members[..] {
            [only] => open(only as usize),
            _ => folded(function, group),
        };
        flow.blocks = condensed.groups.iter().map(of_group).collect();
        flow.edges = condensed.edges;
        flow.entry = condensed.entry;
        flow
    }

    /// The graph to lay out: sizes from the text.
    pub fn graph(&self) -> FlowGraph {
        let size = |block: &FlowBlock| if self.has_text { text_size(block) } else { box_size(block) };
        FlowGraph {
            blocks: self.blocks.iter().map(size).collect(),
            edges: self.edges.clone(),
            entry: self.entry,
        }
    }
}

fn text_size(block: &FlowBlock) -> Size {
    let head = columns(&block.head(), MAX_OPERANDS) + 2 + columns(&block.note, MAX_COMMENT);
    let widest = block.lines.iter().map(Line::width).chain([head]).max().unwrap_or_default() as u32;
    let lines = block.lines.len() as u32 + u32::from(block.num_hidden > 0);
    let padding = if lines == 0 { 0 } else { PADDING };
    Size { width: widest * CHARACTER / 100 + 2 * PADDING, height: HEAD + lines * LINE + padding }
}

/// Boxes without text: as high as they have instructions, within limits.
fn box_size(block: &FlowBlock) -> Size {
    Size { width: 64, height: 12 + 2 * block.num_instructions.min(60) as u32 }
}

impl FlowBlock {
    /// The text at the left of the head.
    pub fn head(&self) -> String {
        match self.group {
            None => format!("{:#x}", self.start.get()),
            Some(kind) => format!("{} at {:#x}", kind.as_str(), self.start.get()),
        }
    }
}

impl Line {
    fn width(&self) -> usize {
        let mnemonic = columns(&self.mnemonic, MAX_OPERANDS);
        let code = if self.operands.is_empty() {
            mnemonic
        } else {
            mnemonic.max(MNEMONIC_WIDTH - 1) + 1 + columns(&self.operands, MAX_OPERANDS)
        };
        if self.comment.is_empty() { code } else { code + 3 + columns(&self.comment, MAX_COMMENT) }
    }
}

/// The first `most` characters, an ellipsis if there are more.
fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['\u{2026}']).collect()
}

fn open_block(function: &Function, block: &Block, note: String, most: usize) -> FlowBlock {
    // A line that says how many are hidden is worth more than one hidden line.
    let shown = if block.len() > most { most.saturating_sub(1) } else { block.len() };
    let lines = function.code.instructions(block).take(shown).map(|one| {
        let found = function.apirefs.binary_search_by_key(&one.offset, |api| api.0);
        Line {
            mnemonic: cut(one.mnemonic, MAX_OPERANDS),
            operands: cut(one.operands, MAX_OPERANDS),
            comment: found.map_or_else(|_| String::new(), |at| cut(&function.apirefs[at].1, MAX_COMMENT)),
        }
    });
    FlowBlock {
        start: block.start,
        note: cut(&note, MAX_COMMENT),
        lines: lines.collect(),
        num_hidden: block.len() - shown,
        group: None,
        num_blocks: 1,
        num_instructions: block.len(),
    }
}

/// A box for several blocks: what they are and how many.
fn folded(function: &Function, group: &Group) -> FlowBlock {
    let blocks = function.code.blocks();
    let members = || group.members.iter().map(|member| &blocks[*member as usize]);
    let num_instructions = members().map(Block::len).sum();
    let words = |text: String| Line { mnemonic: text, ..Line::default() };
    let starts = || members().map(|block| block.start);
    let (first, last) = (starts().min().unwrap_or_default(), starts().max().unwrap_or_default());
    FlowBlock {
        start: blocks[group.head as usize].start,
        note: String::new(),
        lines: vec![
            words(format!("{} blocks, {num_instructions} instructions", group.members.len())),
            words(format!("blocks {:#x} to {:#x}", first.get(), last.get())),
        ],
        num_hidden: 0,
        group: Some(group.kind),
        num_blocks: group.members.len(),
        num_instructions,
    }
}

/// Edges between the blocks of a function. Targets where no block starts have none.
fn edges(function: &Function) -> Vec<Edge> {
    let blocks = function.code.blocks();
    let number = |start: &Va| blocks.binary_search_by_key(start, |block| block.start).ok();
    let mut edges = Vec::new();
    for (start, targets) in &function.blockrefs {
        let Some(from) = number(start) else { continue };
        let targets: Vec<usize> = targets.iter().filter_map(number).collect();
        let next = function.code.end(&blocks[from]).and_then(|end| u64::try_from(end).ok()).map(Va::new);
        let falls = |to: usize| Some(blocks[to].start) == next;
        let has_next = targets.iter().any(|to| falls(*to));
        for (at, to) in targets.iter().enumerate() {
            let kind = match (targets.len(), falls(*to)) {
                (1, true) => EdgeKind::FallThrough,
                // Where neither target comes next, the report has the jump's own target last.
                (2, false) if has_next || at == 1 => EdgeKind::True,
                (2, _) => EdgeKind::False,
                _ => EdgeKind::Jump,
            };
            edges.push(Edge { from: from as u32, to: *to as u32, kind });
        }
    }
    edges
}
