//! What an index holds and what it costs.

/// Counts and bytes of an index. Samples that were removed and not yet merged away still count in everything but `samples`
/// and `functions`; signatures and hashes that several segments hold count once for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IndexStats {
    /// Samples.
    pub samples: usize,
    /// Functions, with and without a signature.
    pub functions: usize,
    /// Distinct signatures.
    pub signatures: usize,
    /// Distinct PicHashes.
    pub pichashes: usize,
    /// Distinct hashes of basic blocks.
    pub blocks: usize,
    /// Pairs of a block hash and a function that has it.
    pub block_postings: usize,
    /// Immutable parts the index consists of.
    pub segments: usize,
    /// Bytes of memory for the signatures themselves.
    pub signature_bytes: usize,
    /// Bytes of memory for everything else.
    pub overhead_bytes: usize,
}
