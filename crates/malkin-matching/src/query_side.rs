//! The side that asks: a sample and its functions.

use malkin_report::{FunctionEntry, FunctionId, MinHash, PicHash, SampleId, Va};

/// What matching needs to know of a function.
#[derive(Clone, PartialEq, Debug)]
pub struct OwnFunction {
    /// Number of the function; negative in queries.
    pub id: FunctionId,
    /// Entry address.
    pub offset: Va,
    /// Number of instructions.
    pub num_instructions: u32,
    /// Number of basic blocks.
    pub num_blocks: u32,
    /// Sum of instruction sizes in bytes.
    pub binweight: f64,
    /// 0 if there is none.
    pub pichash: PicHash,
    /// Signature; empty if the function is too small.
    pub minhash: MinHash,
}

impl From<&FunctionEntry> for OwnFunction {
    fn from(entry: &FunctionEntry) -> Self {
        Self {
            id: entry.function_id,
            offset: entry.offset,
            num_instructions: entry.num_instructions,
            num_blocks: entry.num_blocks,
            binweight: entry.binweight,
            pichash: entry.pichash,
            minhash: entry.minhash.clone(),
        }
    }
}

/// A sample with its functions in storage order, which is the order of the result.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OwnSample<'a> {
    /// Number of the sample. Matches with an indexed sample of this number are self matches and are counted, not listed.
    pub id: SampleId,
    /// Its functions, each with an id of its own.
    pub functions: &'a [OwnFunction],
}
