//! All hashes of a function in one pass over its blocks.

use malkin_report::{BlockOccurrence, Function, MinHash, PicHash};

use crate::config::Shingler;
use crate::error::HashError;
use crate::escaper::HashPath;
use crate::function_escaper::{FunctionEscaper, SampleContext};
use crate::minhash::{MinHasher, ShingleHashes};
use crate::pichash::{PicHasher, PicScratch, has_pichash};
use crate::shingle::{ShingleScratch, Statistics, fuzzy_shingles};

/// What is remembered of a function's code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionHashes {
    /// Hash of the whole function; `None` if base and size of the image are not known.
    pub pichash: Option<PicHash>,
    /// Signature; empty if the function is too small.
    pub minhash: MinHash,
    /// Blocks of at least four instructions, equal ones gathered where the first of them stands.
    pub blocks: Vec<BlockOccurrence>,
}

/// Memory that hashing needs and that can be used again for the next function. Results never depend on what was hashed
/// before.
#[derive(Default)]
pub struct Scratch {
    pic: PicScratch,
    shingles: ShingleScratch,
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
    let Scratch { pic, shingles, hashes, minima } = scratch;
    let mut pic = PicHasher::new(pic);
    let mut statistics = Statistics::default();
    hashes.clear();
    for block in function.code.blocks() {
        pic.block(&escaper, block)?;
        if eligible {
            shingles.block(&escaper, block, &mut statistics, |shingle| {
                hashes.push(Shingler::EscapedBlock, shingle);
            });
        }
    }
    let minhash = if eligible {
        fuzzy_shingles(&escaper, &statistics, |shingle| hashes.push(Shingler::FuzzyStatPair, shingle))?;
        hasher.signature(hashes, minima)
    } else {
        MinHash::empty()
    };
    let (pichash, blocks) = pic.finish();
    Ok(FunctionHashes { pichash: has_pichash(&escaper, context).then_some(pichash), minhash, blocks })
}
