//! The disassembly of functions taken apart into columns: addresses, code, words and numbers each for themselves, without
//! what follows from the rest. A third of the bytes that the JSON text takes once both are compressed, and less work to
//! compress; the text comes back byte for byte.
//!
//! What is left out because it follows: addresses of instructions (lengths add up), hexadecimal digits (the bytes
//! themselves), targets of relative branches (they stand in the code), edges between blocks where they are the ends of
//! instructions and targets of branches, all punctuation. Functions of another form than SMDA's usual one are kept as text,
//! so that every text can be kept; which form that is decides `split`, and what it did is undone by `join`.
//!
//! The layout is part of the format of stored data (docs/formats.md): it is extended by new codes, never changed.
//!
//! Not here: compression, and where columns lie on disk. That is for the store.

mod join;
mod model;
mod split;
#[cfg(test)]
mod tests;

use std::fmt;

pub use join::{ColumnReader, DamagedColumns};

use super::fast::cursor::Cursor;
use super::{ReadError, function_from_json, without_blanks};
use crate::leb128::{Numbers, put_number};

/// Number of columns.
pub const COLUMNS: usize = 8;

/// Codes of fields, modes, and whether something is there: one byte each.
pub(super) const SHAPE: usize = 0;
/// Blocks: distance from the end of the one before, and number of instructions.
pub(super) const BLOCKS: usize = 1;
/// Bytes of each instruction: one byte.
pub(super) const LENGTHS: usize = 2;
/// Machine code.
pub(super) const CODE: usize = 3;
/// Mnemonic and operands of each instruction.
pub(super) const WORDS: usize = 4;
/// Numbers of references, components and edges.
pub(super) const REFERENCES: usize = 5;
/// Names, numbers as they were written, and functions that are kept as text.
pub(super) const TEXT: usize = 6;
/// PicHashes, eight bytes each, little endian.
pub(super) const HASHES: usize = 7;

/// Behind a text of a column. No text of JSON holds it without an escape, and texts with escapes are not taken apart.
pub(super) const END: u8 = 0;
/// Between mnemonic and operands; as the whole of a value: `null`.
pub(super) const MARK: u8 = 1;
/// As operands: the target of a branch by the last byte of the instruction, counted from its end.
pub(super) const SHORT_BRANCH: u8 = 2;
/// As operands: the same by the last four bytes, little endian.
pub(super) const NEAR_BRANCH: u8 = 3;

/// Largest text that is taken apart, in bytes. Beyond it the readers have limits of their own to check.
const MAX_TEXT: usize = 1 << 28;

/// The disassembly of one function as it is handed to a store: nothing, or its columns.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Xcfg(Vec<u8>);

impl Xcfg {
    /// Takes apart the JSON object of a function as [`crate::function_from_json`] reads it, which is checked; an
    /// empty object is no disassembly. The text that comes back is this one without the blanks between its tokens.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        if text.trim_start().strip_prefix('{').is_some_and(|rest| rest.trim() == "}") {
            return Ok(Self::default());
        }
        if let Some(columns) = split::unchecked(text) {
            return Ok(Self(columns));
        }
        function_from_json(text.as_bytes())?;
        Ok(Self::from_text(&without_blanks(text)))
    }

    /// Takes apart a text that was checked, or keeps it as it is. An empty text is no disassembly. Whatever the text is, the same
    /// bytes come back: that is looked at here, because nobody says that it was really checked.
    pub fn from_text(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let apart = split::checked(text).map(Self).filter(|apart| apart.to_text() == text);
        apart.unwrap_or_else(|| Self(split::as_text(text)))
    }

    /// Whether there is no disassembly.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of the columns together.
    pub fn len(&self) -> usize {
        self.columns().into_iter().map(<[u8]>::len).sum()
    }

    /// The text it was made from; empty if there is none.
    pub fn to_text(&self) -> Vec<u8> {
        let mut columns = Columns::default();
        columns.push(self);
        let mut text = Vec::new();
        if !self.is_empty() {
            let read = ColumnReader::new(columns.bytes()).next(&mut text);
            debug_assert!(read.is_ok(), "columns that were just made are whole");
        }
        text
    }

    /// The columns, each for itself.
    fn columns(&self) -> [&[u8]; COLUMNS] {
        let mut numbers = Numbers(&self.0);
        let lengths: [usize; COLUMNS] =
            std::array::from_fn(|_| numbers.take().map_or(0, |length| length as usize));
        let mut rest = numbers.0;
        lengths.map(|length| {
            let (column, behind) = rest.split_at(length.min(rest.len()));
            rest = behind;
            column
        })
    }
}

impl fmt::Debug for Xcfg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Xcfg({:?})", String::from_utf8_lossy(&self.to_text()))
    }
}

/// Takes apart the function at a cursor of a text; `None` is no verdict about it.
pub(super) fn taken_apart(text: &str, cursor: &mut Cursor<'_>) -> Option<Xcfg> {
    split::at_cursor(text, cursor, false).map(Xcfg)
}

/// Columns of one function, in one piece: lengths, then the columns.
fn joined(columns: &[Vec<u8>; COLUMNS]) -> Vec<u8> {
    let length = columns.iter().map(Vec::len).sum::<usize>();
    let mut bytes = Vec::with_capacity(length + 2 * COLUMNS);
    for column in columns {
        put_number(&mut bytes, column.len() as u64);
    }
    for column in columns {
        bytes.extend_from_slice(column);
    }
    bytes
}

/// Columns of several functions, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Columns([Vec<u8>; COLUMNS]);

impl Columns {
    /// Adds a function. One without disassembly leaves no trace.
    pub fn push(&mut self, function: &Xcfg) {
        for (all, one) in self.0.iter_mut().zip(function.columns()) {
            all.extend_from_slice(one);
        }
    }

    /// The columns so far.
    pub fn bytes(&self) -> [&[u8]; COLUMNS] {
        std::array::from_fn(|column| self.0[column].as_slice())
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(Vec::clear);
    }
}
