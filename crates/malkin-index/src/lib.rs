//! The similarity index: which functions carry a signature, which signatures resemble one, where a PicHash or the hash of a
//! basic block occurs.
//!
//! Keyed by *distinct* signature: millions of functions share far fewer signatures, so a signature is banded, compared and
//! scored once, however many functions carry it. Layout: immutable segments of sorted arrays, one for each batch of
//! samples inserted, merged into larger ones as they gather; deletions and changed facts live in a small table beside each
//! segment. [`IndexWriter`] is the writer, [`IndexReader`] a reader that no later write disturbs. A segment is one image of bytes
//! (docs/formats.md) that can be written to a file as it is: [`Merged::image`], [`IndexWriter::open_segment`].
//!
//! Not here: scores of functions and what follows from them (`malkin-matching`), the truth (`malkin-store`, from which an
//! index can be rebuilt at any time), files (`malkin-service`). Floor 2: no clock, thread or environment.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod error;
mod merge;
mod numbers;
mod reader;
mod sample;
mod scratch;
mod segment;
mod segment_entry;
mod stats;
mod writer;

pub use error::{ImageError, IndexError};
pub use merge::{MergePlan, Merged};
pub use numbers::{FunctionNo, FunctionRef, SampleNo, SignatureNo};
pub use reader::{Close, IndexReader};
pub use sample::{IndexedFunction, NewSample, SampleFacts};
pub use scratch::Scratch;
pub use segment::checksum;
pub use stats::IndexStats;
pub use writer::IndexWriter;
