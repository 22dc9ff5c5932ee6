//! Shingles: the features of a function that its signature samples.
//!
//! The escaped-block shingler takes runs of three escaped instructions within a block, sorted, so that small reorderings
//! stay invisible. The statistics shingler puts seven numbers into logarithmic buckets and names each bucket with its
//! neighbours.

mod statistics;
mod token;

pub(crate) use statistics::{Statistics, fuzzy_shingles};

use malkin_report::{Function, Instruction};
use token::{Token, Tokens};

use crate::error::HashError;
use crate::escaper::HashPath;
use crate::function_escaper::{FunctionEscaper, SampleContext};
use crate::murmur::murmur3;

/// Instructions of a run.
const RUN: usize = 3;

/// Escapes the instructions of a function, counts them, and makes the shingles of its blocks.
#[derive(Default)]
pub(crate) struct BlockShingler {
    tokens: Tokens,
    block: Vec<Token>,
    statistics: Statistics,
}

impl BlockShingler {
    /// Begins a function.
    pub(crate) fn begin_function(&mut self) {
        self.tokens.begin_function();
        self.block.clear();
        self.statistics = Statistics::default();
    }

    /// Adds an instruction to the block.
    pub(crate) fn instruction(&mut self, escaper: &FunctionEscaper<'_>, instruction: &Instruction<'_>) {
        let (token, group) = self.tokens.token(escaper, instruction);
        self.statistics.count(group, escaper.is_call(instruction));
        self.block.push(token);
    }

    /// Ends the block and adds the hashes of its shingles.
    pub(crate) fn end_block(&mut self, hashes: &mut Vec<u32>) {
        self.statistics.end_block(self.block.len());
        if self.block.len() > RUN {
            hashes.extend(self.block.array_windows().map(|run| self.tokens.run_hash(*run)));
        } else {
            hashes.push(murmur3(self.tokens.join_sorted(&mut self.block)));
        }
        self.block.clear();
    }

    /// Ends the block and hands out its shingles as text.
    fn end_block_as_text(&mut self, mut emit: impl FnMut(&[u8])) {
        self.statistics.end_block(self.block.len());
        if self.block.len() > RUN {
            for run in self.block.array_windows::<RUN>() {
                emit(self.tokens.join_sorted(&mut { *run }));
            }
        } else {
            emit(self.tokens.join_sorted(&mut self.block));
        }
        self.block.clear();
    }

    /// Counts over all instructions since the function began.
    pub(crate) fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}

/// The shingles of a function as text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShingleTexts {
    /// 28 bucketed statistics.
    pub fuzzy_stat_pair: Vec<String>,
    /// Sorted runs of escaped instructions, blocks ascending, repetitions kept.
    pub escaped_block: Vec<String>,
}

/// Makes the shingles of a function as text, to explain a signature. Hashing goes the same way, but remembers the hashes of
/// runs it has seen.
pub fn shingle_texts(
    function: &Function,
    context: &SampleContext,
    path: HashPath,
) -> Result<ShingleTexts, HashError> {
    let escaper = FunctionEscaper::new(function, context).on_path(path);
    let text = |shingle: &[u8]| String::from_utf8_lossy(shingle).into_owned();
    let mut texts = ShingleTexts::default();
    let mut shingler = BlockShingler::default();
    for block in function.code.blocks() {
        for instruction in function.code.instructions(block) {
            shingler.instruction(&escaper, &instruction);
        }
        shingler.end_block_as_text(|shingle| texts.escaped_block.push(text(shingle)));
    }
    fuzzy_shingles(&escaper, shingler.statistics(), |shingle| texts.fuzzy_stat_pair.push(text(shingle)))?;
    Ok(texts)
}
