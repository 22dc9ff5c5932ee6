//! Unique blocks: basic blocks that occur in a set of samples and nowhere else, and the choice of them that a YARA rule is
//! made of.
//!
//! The values that `malkin-matching` produces and clients read; their JSON shape is in `malkin_wire::unique_blocks`.

use std::fmt;

use crate::address::Va;
use crate::hash::BlockHash;
use crate::id::{FunctionId, SampleId};

/// How the hash of a block is written where it is a name: as key of the result and within YARA rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BlockNotation {
    /// `0x` and lower-case hex digits without padding, as in answers of the API.
    #[default]
    Hex,
    /// Decimal digits, as results of MCRIT's memory back end have them.
    Decimal,
}

impl BlockNotation {
    /// A hash in this notation.
    pub fn name(self, hash: BlockHash) -> BlockName {
        BlockName { notation: self, hash }
    }

    /// Reads a hash in either notation.
    pub fn read(text: &str) -> Option<(Self, BlockHash)> {
        let (notation, digits, radix) = match text.strip_prefix("0x") {
            Some(digits) => (Self::Hex, digits, 16),
            None => (Self::Decimal, text, 10),
        };
        // The parser alone would take a sign.
        let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let hash = u64::from_str_radix(digits, radix).ok().filter(|_| is_number)?;
        Some((notation, BlockHash::new(hash)))
    }
}

/// The hash of a block as a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockName {
    notation: BlockNotation,
    hash: BlockHash,
}

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.notation {
            BlockNotation::Hex => write!(f, "{:#x}", self.hash.get()),
            BlockNotation::Decimal => write!(f, "{}", self.hash.get()),
        }
    }
}

/// An instruction of a block as it was disassembled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockInstruction {
    /// Address of the first byte.
    pub offset: Va,
    /// The machine code as hex digits.
    pub bytes: String,
    /// Mnemonic including prefixes.
    pub mnemonic: String,
    /// Operand text, empty if there are none.
    pub operands: String,
}

/// A block that occurs in some of the requested samples and in no other sample.
#[derive(Clone, PartialEq, Debug)]
pub struct UniqueBlock {
    /// Its position-independent hash.
    pub hash: BlockHash,
    /// The requested samples it occurs in, ascending.
    pub samples: Vec<SampleId>,
    /// Number of instructions.
    pub length: u32,
    /// The function it was seen in first.
    pub function_id: FunctionId,
    /// The sample of that function.
    pub sample_id: SampleId,
    /// Start of the block in that function.
    pub offset: Va,
    /// Its instructions there; empty if the disassembly was dropped.
    pub instructions: Vec<BlockInstruction>,
    /// Bytes as hex digits with `??` for those that vary, instructions separated by a blank.
    pub escaped_sequence: String,
    /// How well it serves a rule, 0..=100: samples it covers and a length that is neither common nor brittle.
    pub score: f64,
}

/// Numbers of blocks of one requested sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SampleBlocks {
    /// The sample.
    pub sample_id: SampleId,
    /// Distinct hashes of its blocks.
    pub total_blocks: u64,
    /// Those that occur in requested samples only.
    pub characteristic_blocks: u64,
    /// Those that occur in this sample only.
    pub unique_blocks: u64,
}

/// What was found and how far the choice for a rule reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UniqueBlocksStatistics {
    /// Numbers of every requested sample in the order of the request, each sample once.
    pub by_sample: Vec<SampleBlocks>,
    /// Blocks that occur in requested samples only, of any length.
    pub unique_blocks_overall: u64,
    /// Samples requested; one that was named twice counts twice.
    pub num_samples: u64,
    /// Whether any block was chosen.
    pub has_yara_rule: bool,
    /// Chosen blocks of the sample that has the fewest.
    pub yara_covers: u64,
    /// Whether every requested sample has as many chosen blocks as required.
    pub has_complete_yara_rule: bool,
    /// Chosen blocks wanted for each sample, at least 1.
    pub covers_required: u64,
    /// Blocks with fewer instructions were left out of the choice.
    pub min_instructions: u64,
    /// Blocks the choice was made from.
    pub blocks_considered: u64,
    /// Samples with as many chosen blocks as required.
    pub num_samples_covered: u64,
}

/// The unique blocks of a set of samples.
#[derive(Clone, PartialEq, Debug)]
pub struct UniqueBlocks {
    /// Counts.
    pub statistics: UniqueBlocksStatistics,
    /// The blocks in the order in which they were first seen, those below the minimum length left out.
    pub blocks: Vec<UniqueBlock>,
    /// The blocks chosen for a rule, best first.
    pub yara_rule: Vec<BlockHash>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_the_notation_they_were_written_in() {
        for (notation, text) in [(BlockNotation::Hex, "0xff"), (BlockNotation::Decimal, "255")] {
            assert_eq!(notation.name(BlockHash::new(255)).to_string(), text);
            assert_eq!(BlockNotation::read(text), Some((notation, BlockHash::new(255))));
        }
        for odd in ["", "0x", "+1", "0x+1", "ff", "0x10000000000000000"] {
            assert_eq!(BlockNotation::read(odd), None, "{odd}");
        }
    }
}
