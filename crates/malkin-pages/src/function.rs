//! Pages about one function, and about two side by side.

use askama::Template;

use crate::corpus::SampleRow;
use crate::filters;
use crate::frame::Frame;

/// A line of a listing.
#[derive(Clone, Debug, Default)]
pub struct CodeLine {
    /// Address.
    pub address: u64,
    /// Bytes in hexadecimal.
    pub bytes: String,
    /// Mnemonic.
    pub mnemonic: String,
    /// Operands.
    pub operands: String,
    /// What is known about it: called function, text.
    pub note: String,
    /// Address within the function that it leads to.
    pub target: Option<u64>,
}

/// A block of a listing.
#[derive(Clone, Debug, Default)]
pub struct CodeBlock {
    /// Address of its first instruction.
    pub start: u64,
    /// Blocks that follow.
    pub successors: Vec<u64>,
    /// In how many families its code stands; none if it is too small to be searched.
    pub families: Option<u64>,
    /// In how many samples.
    pub samples: Option<u64>,
    /// Lines.
    pub lines: Vec<CodeLine>,
}

/// A place where equal code stands.
#[derive(Clone, Debug, Default)]
pub struct PlaceRow {
    /// Family.
    pub family_id: i64,
    /// Its name.
    pub family: String,
    /// Sample.
    pub sample_id: i64,
    /// Function.
    pub function_id: i64,
    /// Entry address.
    pub offset: u64,
    /// Name, if any.
    pub name: String,
}

/// One function.
#[derive(Debug, Template)]
#[template(path = "function.html")]
pub struct FunctionPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Its number.
    pub id: i64,
    /// Entry address.
    pub offset: u64,
    /// Name, empty if none is known.
    pub name: String,
    /// Its sample.
    pub sample: SampleRow,
    /// Names that people and imports gave it: name, by whom, when.
    pub labels: Vec<(String, String, String)>,
    /// Number of blocks.
    pub num_blocks: u32,
    /// Number of instructions.
    pub num_instructions: u32,
    /// Sum of instruction sizes in bytes.
    pub num_bytes: u64,
    /// PicHash.
    pub pichash: Option<u64>,
    /// Whether it has a MinHash.
    pub has_minhash: bool,
    /// Families in which the same code stands.
    pub num_families: usize,
    /// Samples in which the same code stands.
    pub num_samples: usize,
    /// Where the same code stands.
    pub places: Vec<PlaceRow>,
    /// Places that are not shown.
    pub more_places: usize,
    /// Functions that it calls in the same sample: number, entry and name.
    pub calls: Vec<(i64, u64, String)>,
    /// Functions that call it.
    pub called_by: Vec<(i64, u64, String)>,
    /// Imported functions that it calls.
    pub apis: Vec<String>,
    /// Texts that it refers to.
    pub texts: Vec<String>,
    /// The listing; empty if the disassembly is not stored.
    pub blocks: Vec<CodeBlock>,
    /// Whether a picture can be drawn.
    pub has_graph: bool,
    /// Whether the picture is condensed first, because there are many blocks.
    pub is_condensed: bool,
    /// Whether it shows part of a listing that is too long.
    pub is_cut: bool,
}

/// How a line of a comparison stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Side {
    /// The same on both sides.
    #[default]
    Same,
    /// On both sides, with other operands or mnemonics.
    Differs,
    /// On the left only.
    OnlyA,
    /// On the right only.
    OnlyB,
}

impl Side {
    /// Its class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::OnlyA => "only-a",
            Self::OnlyB => "only-b",
        }
    }

    /// A sign for those who see no colours.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Same => " ",
            Self::Differs => "~",
            Self::OnlyA => "-",
            Self::OnlyB => "+",
        }
    }
}

/// A line of two listings beside each other.
#[derive(Clone, Debug, Default)]
pub struct DiffLine {
    /// How they compare.
    pub side: Side,
    /// On the left.
    pub a: Option<CodeLine>,
    /// On the right.
    pub b: Option<CodeLine>,
    /// Whether a block begins here.
    pub begins_block: bool,
}

/// One of two functions.
#[derive(Clone, Debug, Default)]
pub struct DiffSide {
    /// Its number.
    pub id: i64,
    /// Entry address.
    pub offset: u64,
    /// Name.
    pub name: String,
    /// Its sample.
    pub sample: SampleRow,
    /// Number of instructions.
    pub num_instructions: u32,
    /// Number of blocks.
    pub num_blocks: u32,
}

/// Two functions.
#[derive(Debug, Template)]
#[template(path = "diff.html")]
pub struct DiffPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The left one.
    pub a: DiffSide,
    /// The right one.
    pub b: DiffSide,
    /// MinHash score, 0..=100; none if one has no signature.
    pub score: Option<f64>,
    /// Whether the PicHashes are equal.
    pub is_same_code: bool,
    /// Lines.
    pub lines: Vec<DiffLine>,
    /// Lines that are equal, that differ, that are on one side only.
    pub counts: [usize; 4],
    /// Why there are no lines.
    pub missing: Option<&'static str>,
}
