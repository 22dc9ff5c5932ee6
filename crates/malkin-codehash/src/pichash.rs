//! PicHash and PicBlockHash: SHA-256 over the binary escapes, equal exactly if the code is equal up to relocation.

use malkin_report::{Block, BlockHash, BlockOccurrence, Function, Instruction, PicHash, Va};
use rustc_hash::FxHashMap;

use crate::digest::{Sha256First64, sha256_64};
use crate::error::HashError;
use crate::function_escaper::{FunctionEscaper, SampleContext};

/// Blocks of fewer instructions are not recorded: they are equal by chance.
pub const MIN_BLOCK_INSTRUCTIONS: usize = 4;

/// Reusable memory, and the hash over the blocks seen so far.
#[derive(Default)]
pub(crate) struct PicScratch {
    escaped: Vec<u8>,
    first_seen: FxHashMap<BlockHash, u32>,
}

/// Hashes the blocks of one function, in ascending order.
pub(crate) struct PicHasher<'s> {
    scratch: &'s mut PicScratch,
    function: Sha256First64,
    blocks: Vec<BlockOccurrence>,
    /// Bytes of the block at hand.
    size: usize,
    /// Whether two blocks have the same hash.
    repeated: bool,
}

impl<'s> PicHasher<'s> {
    /// Begins a function; makes room for its blocks at once.
    pub(crate) fn new(scratch: &'s mut PicScratch, function: &Function) -> Self {
        scratch.first_seen.clear();
        scratch.escaped.clear();
        let recorded = |block: &&Block| block.len() >= MIN_BLOCK_INSTRUCTIONS;
        let blocks = Vec::with_capacity(function.code.blocks().iter().filter(recorded).count());
        Self { scratch, function: Sha256First64::default(), blocks, size: 0, repeated: false }
    }

    /// Adds an instruction to the block.
    pub(crate) fn instruction(&mut self, escaper: &FunctionEscaper<'_>, instruction: &Instruction<'_>) {
        escaper.push_binary(instruction, &mut self.scratch.escaped);
        self.size += instruction.bytes.len() / 2;
    }

    /// Ends the block. Its own hash is made only if it is long enough to be recorded.
    pub(crate) fn end_block(&mut self, function: Va, block: &Block) -> Result<(), HashError> {
        let escaped = &mut self.scratch.escaped;
        if !escaped.is_ascii() {
            return Err(HashError::BytesNotAscii { function });
        }
        self.function.update(escaped);
        if block.len() >= MIN_BLOCK_INSTRUCTIONS {
            let hash = BlockHash::new(sha256_64(escaped));
            let number = self.blocks.len() as u32;
            self.repeated |= *self.scratch.first_seen.entry(hash).or_insert(number) != number;
            self.blocks.push(BlockOccurrence {
                offset: block.start,
                length: block.len() as u32,
                size: self.size as u32,
                hash,
            });
        }
        escaped.clear();
        self.size = 0;
        Ok(())
    }

    /// The hash of the function and its recorded blocks, equal ones gathered where the first of them stood.
    pub(crate) fn finish(mut self) -> (PicHash, Vec<BlockOccurrence>) {
        if self.repeated {
            let first_seen = &self.scratch.first_seen;
            self.blocks.sort_by_key(|block| first_seen.get(&block.hash));
        }
        (PicHash::new(self.function.finish()), self.blocks)
    }
}

/// The PicHash of a function; `None` if it is of a known architecture but base and size of the image are not known.
pub fn pichash(function: &Function, context: &SampleContext) -> Result<Option<PicHash>, HashError> {
    pichash_in(function, context, &mut PicScratch::default())
}

/// The same with reusable memory.
pub(crate) fn pichash_in(
    function: &Function,
    context: &SampleContext,
    scratch: &mut PicScratch,
) -> Result<Option<PicHash>, HashError> {
    let escaper = FunctionEscaper::new(function, context);
    if !has_pichash(&escaper, context) {
        return Ok(None);
    }
    let mut hasher = Sha256First64::default();
    for block in function.code.blocks() {
        scratch.escaped.clear();
        for instruction in function.code.instructions(block) {
            escaper.push_binary(&instruction, &mut scratch.escaped);
        }
        if !scratch.escaped.is_ascii() {
            return Err(HashError::BytesNotAscii { function: function.offset });
        }
        hasher.update(&scratch.escaped);
    }
    Ok(Some(PicHash::new(hasher.finish())))
}

/// Whether what is known suffices for a PicHash. Without an escaper the raw bytes are hashed and no image is needed.
pub(crate) fn has_pichash(escaper: &FunctionEscaper<'_>, context: &SampleContext) -> bool {
    context.image.is_some() || escaper.escaper() == crate::escaper::Escaper::Raw
}
