//! Recovers functions, control flow and references from a mapped image, and writes what SMDA 5.0.1 would write about it.
//!
//! Floor 2: an [`malkin_loader::Image`] in, a [`malkin_report::Report`] out. Nothing here opens a file or reads a clock;
//! the caller decides through `keep_going` when time is over. Equality with the reference is the purpose: function
//! boundaries decide PicHash and MinHash, and those decide whether existing corpora still match.
//!
//! Intel x86 in 32 and 64 bit. Other instruction sets are named in the report's message, not guessed.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod recover;
mod report;
mod tables;
pub mod x86;

use malkin_loader::Image;
use malkin_report::{Architecture, Report, Status};

pub use recover::budget::Limits;

/// Largest image, in bytes: offsets are kept in 32 bits.
const MAX_IMAGE: usize = 1 << 31;

/// Recovers the functions of an image.
///
/// `keep_going` is asked every few thousand instructions; when it says no, or a limit is reached, the report lists what
/// was found so far and its status is `timeout`. Name, hashes, timestamp and duration of the report are the caller's to
/// fill in.
pub fn disassemble(image: &Image, limits: Limits, keep_going: &dyn Fn() -> bool) -> Report {
    let mut report = report::frame(image);
    if let Some(message) = refusal(image) {
        report.status = Status::Error;
        report.message = message;
        return report;
    }
    let budget = recover::budget::Budget::new(limits, keep_going);
    let mut recovery = recover::Recovery::new(image, budget);
    recovery.run();
    report::fill(&mut report, &recovery);
    report
}

/// Why an image cannot be disassembled.
fn refusal(image: &Image) -> Option<String> {
    if image.architecture != Architecture::Intel {
        return Some(format!("There is no disassembler for {} code yet.", image.architecture));
    }
    if image.data.len() > MAX_IMAGE {
        return Some(format!("The image has {} bytes, more than {MAX_IMAGE}.", image.data.len()));
    }
    let wraps = image.base_addr.checked_add(image.data.len() as u64 + 4096).is_none();
    wraps.then(|| format!("The image at 0x{:x} exceeds the address space.", image.base_addr))
}
