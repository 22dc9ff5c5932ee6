//! Why an index refuses a change.

use malkin_report::{FunctionId, SampleId};

/// Why an index refuses a change. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The sample is indexed already. Remove it first to replace it.
    #[error("sample {0} is indexed already")]
    SampleExists(SampleId),
    /// The sample is not indexed.
    #[error("sample {0} is not indexed")]
    UnknownSample(SampleId),
    /// A function number occurs twice in a sample.
    #[error("function {function} occurs twice in sample {sample}")]
    DuplicateFunction {
        /// The sample.
        sample: SampleId,
        /// The function.
        function: FunctionId,
    },
    /// A signature is neither empty nor of the length the index was made for.
    #[error("function {function} has a signature of {found} bytes, expected {expected}")]
    SignatureLength {
        /// The function.
        function: FunctionId,
        /// Bytes of a signature of this index.
        expected: usize,
        /// Bytes of this one.
        found: usize,
    },
    /// More than 2^32 - 1 functions, signatures or basic blocks.
    #[error("the index is full")]
    Full,
}
