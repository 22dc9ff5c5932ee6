//! Recovers functions, control flow and references from a mapped image, and writes what SMDA 5.0.1 would write about it.
//!
//! Floor 2: an [`malkin_loader::Image`] in, a [`malkin_report::Report`] out. Nothing here opens a file or reads a clock;
//! the caller decides through `keep_going` when time is over. Equality with the reference is the purpose: function
//! boundaries decide PicHash and MinHash, and those decide whether existing corpora still match.
//!
//! `flow` recovers functions and knows no instruction set, `report` writes what was found. Each instruction set has a folder
//! and one line in `disassembler`; today that is Intel x86 in 32 and 64 bit. Others are named in the report's message,
//! not guessed.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod flow;
mod report;
pub mod x86;

use malkin_loader::Image;
use malkin_report::{Architecture, Report, Status};

pub use flow::budget::Limits;

use flow::budget::Budget;

/// Largest image, in bytes: offsets are kept in 32 bits.
const MAX_IMAGE: usize = 1 << 31;

/// Recovers the functions of an image.
///
/// `keep_going` is asked every few thousand instructions; when it says no, or a limit is reached, the report lists what
/// was found so far and its status is `timeout`. Name, hashes, timestamp and duration of the report are the caller's to
/// fill in.
pub fn disassemble(image: &Image, limits: Limits, keep_going: &dyn Fn() -> bool) -> Report {
    let mut report = report::frame(image);
    match disassembler_of(image) {
        Ok(disassembler) => disassembler(image, Budget::new(limits, keep_going), &mut report),
        Err(message) => {
            report.status = Status::Error;
            report.message = message;
        }
    }
    report
}

/// Recovers the functions of an image and adds them to its report.
type Disassembler = fn(&Image, Budget<'_>, &mut Report);

/// The instruction sets: one line for each.
fn disassembler(architecture: &Architecture) -> Option<Disassembler> {
    match architecture {
        Architecture::Intel => Some(x86::disassemble),
        _ => None,
    }
}

/// The disassembler of an image, or why it cannot be disassembled.
fn disassembler_of(image: &Image) -> Result<Disassembler, String> {
    let Some(disassembler) = disassembler(&image.architecture) else {
        return Err(format!("There is no disassembler for {} code yet.", image.architecture));
    };
    if image.data.len() > MAX_IMAGE {
        return Err(format!("The image has {} bytes, more than {MAX_IMAGE}.", image.data.len()));
    }
    if image.base_addr.checked_add(image.data.len() as u64 + WRAP_MARGIN).is_none() {
        return Err(format!("The image at 0x{:x} exceeds the address space.", image.base_addr));
    }
    Ok(disassembler)
}

/// Bytes after an image that must not wrap around: rules look some instructions and one page ahead.
const WRAP_MARGIN: u64 = 4096;
