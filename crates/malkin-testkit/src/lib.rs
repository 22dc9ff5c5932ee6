//! What tests of every crate share: where fixtures and golden data lie, how to read them, scratch folders, free ports.
//!
//! A dev-dependency only; nothing here knows a type of ours. Problems with the test's own data panic with the path in the message, because a
//! test has nobody to hand an error to. The one thing that is not an error is the absence of the `../shared` folder: tests then use the part of it
//! that `fixtures/golden` holds, and what is not there is announced on stderr (`SKIPPED: ...`) and reported as `None`.
#![forbid(unsafe_code)]

mod golden;
mod place;
mod processor;
mod scratch;

pub use golden::{
    gunzip, gunzip_file, gunzip_into, json, json_gz, json_lines_gz, read_gz, read_gz_into, read_text,
};
pub use place::{files_in, fixture, has_shared, python, shared, workspace_root};
pub use processor::processor_time;
pub use scratch::{TestDir, free_port};
