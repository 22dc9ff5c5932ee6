//! Why an index refuses a change or an image.

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
    /// An image this program has just made cannot be read: a defect of it.
    #[error("the segment just made is unusable: {0}")]
    Image(ImageError),
    /// More than 2^32 - 1 functions, signatures or basic blocks.
    #[error("the index is full")]
    Full,
}

/// Why an image is not taken. What it held must be inserted again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The bytes are something else.
    #[error("not a segment of an index")]
    NoImage,
    /// Shorter or longer than it says.
    #[error("the segment is not complete")]
    Truncated,
    /// Written by another version of this program.
    #[error("the segment is of format {found}, this program writes {known}")]
    Version {
        /// Format of the image.
        found: u32,
        /// Format of this program.
        known: u32,
    },
    /// Made for other bands, other signatures or by another escaper.
    #[error("the segment was built with different band, signature or hash settings")]
    Foreign,
    /// Parts of it contradict each other.
    #[error("the segment is damaged: {0}")]
    Damaged(&'static str),
}
