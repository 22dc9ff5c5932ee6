//! Parts of listings: windows by position, and pieces that begin after a record.

/// A window over a listing in order of insertion. `limit` 0 means all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// Records to leave out.
    pub start: u64,
    /// Records to show at most; 0 for all.
    pub limit: u64,
}

/// Most records of a piece.
pub const PIECE_RECORDS: usize = 512;
/// A piece ends with the record that brings it to this many bytes, as records are stored: the texts of samples and jobs, the
/// disassembly, blocks and labels of functions.
pub const PIECE_BYTES: usize = 128 << 10;

/// Where a piece of a listing begins: after a number, so that changes in between neither repeat nor skip a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct After {
    /// Number of the last record of the piece before; none for the first piece.
    pub number: Option<i64>,
    /// Records to leave out, of the first piece.
    pub skip: u64,
}
