//! What is handed to a store to be added: a sample with its functions, and names for functions.

use malkin_report::{Architecture, BlockOccurrence, FunctionLabel, MinHash, PicHash, Statistics, Va};
use malkin_wire::columns::Xcfg;

/// A sample to add, without the ids the store assigns.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "the fields are those of SampleEntry, documented there")]
pub struct NewSample {
    pub family: String,
    pub version: String,
    pub component: String,
    pub filename: String,
    pub is_library: bool,
    pub sha256: String,
    pub architecture: Architecture,
    pub bitness: u64,
    pub base_addr: Va,
    pub binary_size: u64,
    pub binweight: f64,
    pub smda_version: String,
    /// Version of the disassembler whose escaper made the signatures; empty if unknown (imports), then counted as stale.
    pub minhash_version: String,
    pub statistics: Statistics,
    pub timestamp: String,
    /// Numbered in this order. Listings of a sample are in order of offset, whatever this one is.
    pub functions: Vec<NewFunction>,
}

/// A function of a sample to be added.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "the fields are those of FunctionEntry, documented there")]
pub struct NewFunction {
    pub offset: Va,
    pub num_blocks: u32,
    pub num_instructions: u32,
    pub binweight: f64,
    pub function_name: String,
    pub pichash: PicHash,
    pub minhash: MinHash,
    pub picblockhashes: Vec<BlockOccurrence>,
    /// The disassembly: the JSON object SMDA writes for a function, compact, taken apart.
    pub xcfg: Xcfg,
    /// Labels that come with the function, kept only if its sample is new.
    pub labels: Vec<FunctionLabel>,
}

/// A name for a function, addressed by its entry within a sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLabel {
    /// Entry of the function; names for unknown entries are ignored.
    pub offset: Va,
    /// The name.
    pub label: String,
}
