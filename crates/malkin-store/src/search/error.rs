//! Why a search cannot be made.

use super::parse::ParseError;

/// Why a search cannot be made as it stands. The texts are those of MCRIT where it has one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The query is none.
    #[error("Could not parse search query: {0}")]
    Parse(#[from] ParseError),
    /// PicHashes have no order.
    #[error("Range operators are not supported for the field 'pichash'.")]
    PicHashRange,
    /// A PicHash is a number.
    #[error("The field 'pichash' can only be equal to a number.")]
    PicHashNumber,
    /// No order by this field.
    #[error("Sorting {noun} search results by the field '{field}' is not supported.")]
    Sort {
        /// What was to be sorted.
        noun: &'static str,
        /// The name given.
        field: String,
    },
    /// A field by which MCRIT sorts with other back ends only.
    #[error("Sorting by the field 'pichash' is not supported by the MongoDB backend.")]
    PicHashSort,
    /// A cursor has fewer values than the order has fields.
    #[error("The cursor does not fit the sort order.")]
    Cursor,
}
