//! From an executable or a memory dump to a report: load, recover functions within a budget of time, and note what only
//! the caller knows (file name, hashes of the input, time).

use std::time::{Duration, Instant};

use malkin_disasm::{Limits, disassemble as recover};
use malkin_loader::{LoadError, LoadOptions, load_within};
use malkin_report::{Report, Status};
use sha2::Digest;

use crate::allowance::{Allowance, within};
use crate::clock::Clock;

/// Time a file may take unless set otherwise (SMDA's default timeout).
pub const DEFAULT_TIME: Duration = Duration::from_mins(5);

/// What an input is and how long it may take.
#[derive(Clone, Debug)]
pub struct DisassemblyOptions {
    /// Base name for the report.
    pub filename: String,
    /// How to map the input; the default recognises executables.
    pub load: LoadOptions,
    /// Time budget. What was found by then is reported with status `timeout`.
    pub time: Duration,
}

impl DisassemblyOptions {
    /// An executable file.
    pub fn file(filename: &str) -> Self {
        Self { filename: filename.to_owned(), load: LoadOptions::file(), time: DEFAULT_TIME }
    }

    /// A memory dump or raw code mapped at an address; without bitness that is guessed.
    pub fn dump(filename: &str, base_address: u64, bitness: Option<u32>) -> Self {
        Self { load: LoadOptions::buffer(base_address, bitness), ..Self::file(filename) }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DisassemblyError {
    /// The input cannot be mapped.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The input is mapped, but its code cannot be recovered.
    #[error("{0}")]
    Refused(String),
}

/// Disassembles an input.
pub fn disassemble(
    input: &[u8],
    options: &DisassemblyOptions,
    clock: &Clock,
) -> Result<Report, DisassemblyError> {
    disassemble_while(input, options, clock, &|| true)
}

/// As [`disassemble`], but ends early, with what was found by then, when `wanted` says so. It is asked every few
/// milliseconds.
pub(crate) fn disassemble_while(
    input: &[u8],
    options: &DisassemblyOptions,
    clock: &Clock,
    wanted: &dyn Fn() -> bool,
) -> Result<Report, DisassemblyError> {
    disassemble_allowed(input, options, Limits::default(), Allowance::time(options.time), clock, wanted)
}

/// As [`disassemble`], within an allowance and limits of the recovery. A report that is cut off has the status `timeout`, and its
/// message says which part of the allowance ended it.
pub(crate) fn disassemble_allowed(
    input: &[u8],
    options: &DisassemblyOptions,
    limits: Limits,
    allowance: Allowance,
    clock: &Clock,
    wanted: &dyn Fn() -> bool,
) -> Result<Report, DisassemblyError> {
    let started = Instant::now();
    let mut report = within(allowance, input.len(), wanted, |budget| {
        let image = load_within(input, &options.load, budget)?;
        let mut report = recover(&image, limits, &|| budget.poll());
        if let Some(ended) = budget.ended().filter(|_| report.status != Status::Error) {
            report.status = Status::Timeout;
            if report.message.is_empty() {
                report.message = format!("The disassembly ended early: {ended}.");
            }
        }
        Ok::<_, LoadError>(report)
    })?;
    if report.status == Status::Error {
        return Err(DisassemblyError::Refused(report.message));
    }
    report.metadata.filename.clone_from(&options.filename);
    report.sha256 = hex(&sha2::Sha256::digest(input));
    report.sha1 = Some(hex(&sha1::Sha1::digest(input)));
    report.md5 = Some(hex(&md5::Md5::digest(input)));
    report.timestamp = crate::clock::report_time(clock.now());
    report.execution_time = Some(started.elapsed().as_secs_f64());
    Ok(report)
}

/// SHA-256 of some bytes in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&<sha2::Sha256 as sha2::Digest>::digest(bytes))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(digest: &[u8]) -> String {
    malkin_report::MinHash::from_bytes(digest).to_hex()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    /// push ebp; mov ebp, esp; mov eax, 1; pop ebp; ret
    const CODE: &[u8] = b"\x55\x8b\xec\xb8\x01\x00\x00\x00\x5d\xc3";

    #[test]
    fn a_dump_becomes_a_report() {
        let clock = Clock::Fixed(AtomicI64::new(1_767_323_045_678));
        let options = DisassemblyOptions::dump("x.bin", 0x40_0000, Some(32));
        let report = disassemble(CODE, &options, &clock).unwrap();
        assert_eq!(report.metadata.filename, "x.bin");
        assert_eq!(report.timestamp, "2026-01-02T03-04-05");
        // sha256sum, sha1sum and md5sum of CODE.
        assert_eq!(report.sha256.len(), 64);
        assert_eq!(report.sha1.as_deref().map(str::len), Some(40));
        assert_eq!(report.md5.as_deref().map(str::len), Some(32));
        assert_eq!(report.functions.len(), 1);
        assert_eq!(report.functions[0].num_instructions(), 5);
    }

    #[test]
    fn what_cannot_be_mapped_is_refused_with_its_cause() {
        let clock = Clock::System;
        let refused = disassemble(b"no executable", &DisassemblyOptions::file("x"), &clock);
        assert!(matches!(refused, Err(DisassemblyError::Load(_))));
    }
}
