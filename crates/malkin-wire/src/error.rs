//! What can go wrong when JSON is read, and where it did.

use std::fmt;

use crate::limits::MAX_ERROR_TEXT;

/// What kind of fault an input has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The bytes are not JSON: broken, cut off, not UTF-8, nested too deeply, or followed by something else.
    Syntax,
    /// JSON, but not what was to be read: fields missing, of the wrong type, out of range or repeated.
    Shape,
    /// More than a named limit of [`crate::limits`] allows.
    Limit,
}

/// Why an input could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadError {
    pub(super) kind: ReadErrorKind,
    pub(super) offset: u64,
    pub(super) path: String,
    pub(super) message: String,
    /// The input ended where more was expected; what was there is sound.
    pub(super) incomplete: bool,
}

impl ReadError {
    pub(crate) fn new(kind: ReadErrorKind, offset: u64, path: String, message: impl Into<String>) -> Self {
        Self { kind, offset, path, message: shortened(message.into()), incomplete: false }
    }

    /// What kind of fault it is. [`ReadErrorKind::Syntax`] also wins when a faulty field comes first in the file.
    pub fn kind(&self) -> ReadErrorKind {
        self.kind
    }

    /// Whether the input merely ended too early.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Number of bytes read when the fault was noticed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Where in the document, for example `xcfg.4096.blocks.4121[3]`; empty for the document itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} (at byte {})", self.message, self.offset)
    }
}

impl std::error::Error for ReadError {}

/// The parser quotes what it met, and a hostile document can make that as long as itself: it would be logged, answered and stored as the
/// error of a job.
/// Keeps messages that quote the input short.
fn shortened(mut message: String) -> String {
    if message.len() > MAX_ERROR_TEXT {
        let cut = message.floor_char_boundary(MAX_ERROR_TEXT);
        message.truncate(cut);
        message.push_str("...");
        message.shrink_to_fit();
    }
    message
}
