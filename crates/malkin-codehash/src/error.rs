//! Why a function cannot be hashed. The reference raises in all of these cases.

use malkin_report::Va;

/// Why a function cannot be hashed. Callers decide whether the job fails or the function stays without hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// No block starts at the entry of an Intel function, so its stack size is unknown.
    #[error("function {function}: no block starts at its entry")]
    MissingEntryBlock {
        /// Entry of the function.
        function: Va,
    },
    /// A statistic has no logarithmic bucket (100,000 and more).
    #[error("function {function}: {field} is {value}, the bucket table ends at 99999")]
    ValueTooLarge {
        /// Entry of the function.
        function: Va,
        /// Name of the statistic.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// The function is to be hashed (by its number of blocks) but has no instruction to compute shares of.
    #[error("function {function}: has blocks but no instructions")]
    NoInstructions {
        /// Entry of the function.
        function: Va,
    },
    /// The stated bytes of an instruction are not even ASCII text.
    #[error("function {function}: the bytes of an instruction are not ascii text")]
    BytesNotAscii {
        /// Entry of the function.
        function: Va,
    },
}
