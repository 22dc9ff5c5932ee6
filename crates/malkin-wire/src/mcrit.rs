//! The `.mcrit` format: samples with their functions, hashes and disassembly, as MCRIT exports and imports them
//! (`docs/reference/mcrit-api.md` section 12).
//!
//! A file is one JSON object with `content`, `config`, `family_mapping`, `sample_entries` (by sha256) and
//! `function_entries` (by sha256; of each sample an object, or text that is base85 of a ZIP with that object). The keys come
//! in any order; about half of the files in circulation have the functions before the samples.
//!
//! [`McritReader`] goes over the file twice and so needs a source that can seek: once to learn everything but the
//! functions, of which it only notes where they lie, then to each sample's functions in turn. Memory is bounded by the
//! records of all samples (about a kilobyte each) and the functions of the largest one.

pub mod base85;
mod header;
mod reader;
mod scan;
mod writer;
pub mod zip;

pub use header::{Config, Content, Header};
pub use reader::{McritReader, ReadBuffers, SampleRecord};
pub use writer::McritWriter;

// Why two passes: a sample is needed before its functions can be stored, and half of the files state it after them. Holding the functions
// until then would take the size of the file.
use std::io;

use crate::{EntryError, ReadError};

/// Why a `.mcrit` file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McritError {
    /// The source or the sink failed.
    #[error("input or output failed: {0}")]
    Io(#[from] io::Error),
    /// The file is not JSON, or not an object where one has to be.
    #[error("{message} (at byte {offset})")]
    Syntax {
        /// Bytes read when it was noticed.
        offset: u64,
        /// What is wrong.
        message: &'static str,
    },
    /// A part of the file is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A key repeats.
    #[error("the key `{0}` occurs twice in one object")]
    Repeated(String),
    /// A part of the file has the wrong shape.
    #[error("{part}: {error}")]
    Part {
        /// Which part: a field of the file, or the sha256 of a sample.
        part: String,
        /// What is wrong with it; offsets count from the start of the part.
        error: ReadError,
    },
    /// The record of a sample or a field of the header is not what it should be.
    #[error("{part}: {error}")]
    Entry {
        /// Which part.
        part: String,
        /// What is wrong with it.
        error: EntryError,
    },
    /// Compressed functions cannot be unpacked.
    #[error("functions of sample {sample}: {error}")]
    Archive {
        /// Which sample.
        sample: String,
        /// What is wrong with the archive.
        error: zip::ArchiveError,
    },
    /// A named limit of [`crate::limits`] is exceeded.
    #[error("{0}")]
    Limit(&'static str),
}
