//! Named limits of the values of this crate, with the reason for each figure. Those of reading are in `malkin_wire::limits`.

/// Dalvik exception ranges of one function; the DEX format counts them in 16 bits.
pub const MAX_TRY_RANGES: usize = 1 << 16;

/// Comparisons of a block with an exception range, and edges these add, for one function.
pub const MAX_TRY_RANGE_WORK: usize = 1 << 24;
