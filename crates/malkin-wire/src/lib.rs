//! How reports, records and results are written: the JSON that clients and files use, the columns the store keeps, and
//! the `.mcrit` files MCRIT exports.
//!
//! Floor 1. Reading takes bytes and returns the values of `malkin-report`; nothing here opens a file. Reports are read as a
//! stream of tokens straight into values, without a tree of the document. Input is hostile: sizes are limited ([`limits`]), keys
//! may not repeat, and an error says where it happened. Not here: envelopes and job documents (`malkin-server`), Python's
//! canonical JSON of a report (`malkin-service`).
//!
//! | part | holds |
//! |---|---|
//! | `report`, `metadata`, `function`, `blocks`, `refs`, `data_refs`, `value` | readers of those objects |
//! | `fast` | the short way for functions of the usual form, which are nearly all |
//! | `columns`, `leb128` | functions taken apart for storing, and numbers as bytes |
//! | `field`, `context`, `error`, `weight` | what the readers share: fields of objects, the place in the file, errors, nodes against text |
//! | `text`, `write` | writer of JSON text in Python's layout, writers of reports and functions |
//! | `entry`, `entry_text` | records of samples, families and functions, as trees and as text |
//! | `matching`, `unique_blocks`, `compact`, `raw` | results of matching, and JSON text that is passed on or cut down without a tree |
//! | `mcrit`, `gzip` | export files, and whole gzip files in memory |

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod blocks;
pub mod columns;
mod compact;
mod context;
mod data_refs;
pub mod entry;
pub mod entry_text;
mod error;
mod fast;
mod field;
mod function;
pub mod gzip;
pub mod leb128;
pub mod limits;
pub mod matching;
pub mod mcrit;
mod metadata;
mod raw;
mod refs;
mod report;
mod text;
pub mod unique_blocks;
mod value;
mod weight;
mod write;

use serde::de::DeserializeSeed;
use serde_json::Value;

use malkin_report::Budget;
use malkin_report::function::Function;
use malkin_report::report::Report;

pub use compact::compact_result;
pub use entry::{
    EntryError, family_entry_from_json, family_entry_to_json, function_entry_from_json,
    function_entry_to_json, sample_entry_from_json, sample_entry_to_json,
};
pub use entry_text::{
    DisassembledFunction, FunctionRecord, FunctionsError, read_disassembled_functions, read_function_entries,
    read_function_entry, write_function_entry,
};
pub use error::{ReadError, ReadErrorKind};
pub use matching::{
    MatchSource, ResultReadError, cross_result_to_json, function_match_to_json, matching_result_from_json,
    matching_result_from_source, matching_result_to_json,
};
pub use raw::{Members, raw_members, raw_text, without_blanks};
pub use text::python_float;
pub use unique_blocks::{unique_blocks_from_json, unique_blocks_to_json};

/// Reads an SMDA report of any version MCRIT accepts (`docs/reference/similarity.md` 1.1 to 1.3, 1.5).
///
/// Values are taken as stated: hashes and nesting depths of old reports are not recomputed (see [`malkin_report::version_gate`]).
/// Stricter than the reference on purpose: keys that repeat, addresses outside of 64 bits, a function under another key
/// than its offset, and wrong types in fields that MCRIT never looks at are errors.
pub fn read_report(bytes: &[u8]) -> Result<Report, ReadError> {
    read_report_of(bytes, None)
}

/// As [`read_report`], charging each function, instruction and value to a budget. Where that ends, so does the reading, with an
/// error of the kind [`ReadErrorKind::Limit`] that says why.
pub fn read_report_within(bytes: &[u8], budget: &Budget<'_>) -> Result<Report, ReadError> {
    read_report_of(bytes, Some(budget))
}

fn read_report_of(bytes: &[u8], budget: Option<&Budget<'_>>) -> Result<Report, ReadError> {
    let text = context::text(bytes)?;
    let before = budget.map(Budget::memory_left);
    if let Some(report) = fast::report(text, budget) {
        return Ok(report);
    }
    // The quick reader gives up without saying why. The second reading is charged again, so a hostile document that is built to
    // fail late costs twice its size and no more.
    // What the quick reader held is gone.
    if let (Some(budget), Some(before)) = (budget, before) {
        budget.release(before - budget.memory_left());
    }
    thorough_report(text, budget)
}

/// Reads a report of whatever form, and says what is wrong with it.
fn thorough_report(text: &str, budget: Option<&Budget<'_>>) -> Result<Report, ReadError> {
    context::read_text_within(text, budget, |context, json| report::ReportSeed { context }.deserialize(json))
}

/// Whether a document that begins with these bytes can still be a report. Callers that receive a large document piece by
/// piece ask this before they take in the rest, so that a hostile one costs no more than its sound part.
pub fn check_report_start(start: &[u8]) -> Result<(), ReadError> {
    // The start may end within a character; an error further in is told by the reader.
    let end = match std::str::from_utf8(start) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => start.len(),
    };
    // A start that is sound so far fails as incomplete. Callers that ask again whenever the document has grown by a factor keep the
    // whole at a constant multiple of the size.
    match read_report(&start[..end]) {
        Err(error) if !error.is_incomplete() => Err(error),
        _ => Ok(()),
    }
}

/// Reads the JSON object of one function, as it stands in a report under its address or in a record as `xcfg`.
pub fn function_from_json(bytes: &[u8]) -> Result<Function, ReadError> {
    let text = context::text(bytes)?;
    fast::function(text).map_or_else(|| thorough_function(text), Ok)
}

fn thorough_function(text: &str) -> Result<Function, ReadError> {
    context::read_text(text, |context, json| function::FunctionSeed { context, key: None }.deserialize(json))
}

/// Reads any JSON document as a tree under the rules of this crate: no repeated keys, bounded depth and size, no integer
/// that a double would blur.
pub fn read_value(bytes: &[u8]) -> Result<Value, ReadError> {
    context::read(bytes, |context, json| value::Strict { context }.deserialize(json))
}

/// The text of a report in the layout SMDA writes: sorted keys, indentation of one blank, ASCII only.
pub fn write_report(report: &Report) -> Vec<u8> {
    let mut bytes = Vec::new();
    write::report(report, &mut text::JsonText::indented(&mut bytes), &mut |_| ());
    bytes
}

/// Bytes of text that are gathered before they are handed on.
const WRITE_PIECE: usize = 1 << 18;

/// As [`write_report`], in pieces: the text, twenty times the size of the code, is never in memory as a whole.
pub fn write_report_to(report: &Report, sink: &mut dyn std::io::Write) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(WRITE_PIECE);
    let mut outcome = Ok(());
    write::report(report, &mut text::JsonText::indented(&mut bytes), &mut |written| {
        if written.len() >= WRITE_PIECE {
            if outcome.is_ok() {
                outcome = sink.write_all(written);
            }
            written.clear();
        }
    });
    outcome?;
    sink.write_all(&bytes)
}

/// As [`write_report`] without any white space.
pub fn write_report_compact(report: &Report) -> Vec<u8> {
    let mut bytes = Vec::new();
    write::report(report, &mut text::JsonText::compact(&mut bytes), &mut |_| ());
    bytes
}

/// Appends the object of one function as MCRIT shows it (`xcfg`), without white space.
pub fn function_to_json(function: &Function, out: &mut Vec<u8>) {
    write::function(function, &mut text::JsonText::compact(out), write::Order::Stated);
}
