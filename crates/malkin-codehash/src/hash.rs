//! All hashes of a function in one pass over its blocks.

use malkin_report::{BlockOccurrence, Function, MinHash, PicHash};

use crate::error::HashError;
use crate::escaper::HashPath;
use crate::function_escaper::{FunctionEscaper, SampleContext};
use crate::minhash::{MinHasher, ShingleHashes};
use crate::murmur::murmur3;
use crate::pichash::{PicHasher, PicScratch, has_pichash};
use crate::shingle::{BlockShingler, fuzzy_shingles};

/// What is remembered of a function's code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionHashes {
    /// Hash of the whole function; `None` if base and size of the image are not known.
    pub pichash: Option<PicHash>,
    /// Signature; empty if the function is too small.
    pub minhash: MinHash,
    /// Blocks of at least four instructions, equal ones gathered where the first of them stands.
    pub blocks: Vec<BlockOccurrence>,
    /// Why a function that is large enough has no signature; the reference raises then. The other hashes stand.
    pub unsigned: Option<HashError>,
}

/// Memory that hashing needs and that can be used again for the next function. Results never depend on what was hashed
/// before.
#[derive(Default)]
pub struct Scratch {
    pic: PicScratch,
    shingler: BlockShingler,
    hashes: ShingleHashes,
    minima: Vec<u32>,
}

impl Scratch {
    /// Empty memory.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Hashes a function on the server path, which is what the index holds.
pub fn hash_function(
    function: &Function,
    context: &SampleContext,
    hasher: &MinHasher,
) -> Result<FunctionHashes, HashError> {
    hash_function_in(function, context, hasher, HashPath::Server, &mut Scratch::new())
}

/// Hashes a function on the report path, which is what the single-function query uses. Only the signatures of AArch64, ARM,
/// CIL and Dalvik can differ.
pub fn hash_function_with_report(
    function: &Function,
    context: &SampleContext,
    hasher: &MinHasher,
) -> Result<FunctionHashes, HashError> {
    hash_function_in(function, context, hasher, HashPath::Report, &mut Scratch::new())
}

/// Hashes a function with reusable memory: nothing is allocated but the result.
pub fn hash_function_in(
    function: &Function,
    context: &SampleContext,
    hasher: &MinHasher,
    path: HashPath,
    scratch: &mut Scratch,
) -> Result<FunctionHashes, HashError> {
    let escaper = FunctionEscaper::new(function, context).on_path(path);
    let eligible = hasher.config().is_eligible(function.num_instructions(), function.num_blocks());
    let Scratch { pic, shingler, hashes, minima } = scratch;
    let mut pic = PicHasher::new(pic, function);
    shingler.begin_function();
    hashes.clear();
    for block in function.code.blocks() {
        for instruction in function.code.instructions(block) {
            pic.instruction(&escaper, &instruction);
            if eligible {
                shingler.instruction(&escaper, &instruction);
            }
        }
        pic.end_block(function.offset, block)?;
        if eligible {
            shingler.end_block(&mut hashes.escaped);
        }
    }
    let mut unsigned = None;
    let mut minhash = MinHash::empty();
    if eligible {
        match fuzzy_shingles(&escaper, shingler.statistics(), |shingle| hashes.fuzzy.push(murmur3(shingle))) {
            Ok(()) => minhash = hasher.signature(hashes, minima),
            Err(error) => unsigned = Some(error),
        }
    }
    let (pichash, blocks) = pic.finish();
    Ok(FunctionHashes {
        pichash: has_pichash(&escaper, context).then_some(pichash),
        minhash,
        blocks,
        unsigned,
    })
}

/// The signature alone, as [`hash_function_in`] gives it; an error where that leaves a function unsigned.
pub fn minhash_in(
    function: &Function,
    context: &SampleContext,
    hasher: &MinHasher,
    path: HashPath,
    scratch: &mut Scratch,
) -> Result<MinHash, HashError> {
    if !hasher.config().is_eligible(function.num_instructions(), function.num_blocks()) {
        return Ok(MinHash::empty());
    }
    let escaper = FunctionEscaper::new(function, context).on_path(path);
    let Scratch { shingler, hashes, minima, .. } = scratch;
    shingler.begin_function();
    hashes.clear();
    for block in function.code.blocks() {
        for instruction in function.code.instructions(block) {
            shingler.instruction(&escaper, &instruction);
        }
        shingler.end_block(&mut hashes.escaped);
    }
    fuzzy_shingles(&escaper, shingler.statistics(), |shingle| hashes.fuzzy.push(murmur3(shingle)))?;
    Ok(hasher.signature(hashes, minima))
}
