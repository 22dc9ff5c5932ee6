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
    /// Distinct PicHashes (once more for functions that differ otherwise).
    pub pichashes: usize,
    /// Distinct hashes of basic blocks.
    pub blocks: usize,
    /// Pairs of a block hash and a class of equal functions that have it.
    pub block_postings: usize,
    /// Immutable parts the index consists of.
    pub segments: usize,
    /// Bytes for the signatures themselves, on the heap or in mapped files.
    pub signature_bytes: usize,
    /// Bytes for everything else.
    pub overhead_bytes: usize,
}

impl IndexStats {
    /// Every figure with its name.
    pub fn named(&self) -> [(&'static str, usize); 9] {
        [
            ("samples", self.samples),
            ("functions", self.functions),
            ("signatures", self.signatures),
            ("pichashes", self.pichashes),
            ("blocks", self.blocks),
            ("block_postings", self.block_postings),
            ("segments", self.segments),
            ("signature_bytes", self.signature_bytes),
            ("overhead_bytes", self.overhead_bytes),
        ]
    }
}
