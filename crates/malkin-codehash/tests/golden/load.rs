//! Loads golden reports. For tests and benches: everything is trusted and panics when it is not as expected.

use std::path::{Path, PathBuf};

use malkin_codehash::SampleContext;
use malkin_report::{Function, Instruction, Va};
use malkin_testkit::{files_in, gunzip_file, shared};
use serde_json::Value;

/// A golden input with the context of its functions.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) context: SampleContext,
    /// Ascending entries.
    pub(crate) functions: Vec<Function>,
}

/// Paths of all golden reports, `None` when the shared data is absent.
pub(crate) fn report_paths() -> Option<Vec<PathBuf>> {
    Some(files_in(shared("codehash/golden/public/smda")?, ".smda.gz"))
}

/// Reads one golden report.
pub(crate) fn sample(path: &Path) -> Sample {
    let report = malkin_wire::read_report(&gunzip_file(path)).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".smda.gz").unwrap().to_owned();
    Sample { name, context: SampleContext::of(&report), functions: report.functions }
}

/// An instruction row of a report.
pub(crate) fn instruction(row: &Value) -> Instruction<'_> {
    Instruction {
        offset: Va::new(row[0].as_u64().unwrap()),
        bytes: row[1].as_str().unwrap(),
        mnemonic: row[2].as_str().unwrap(),
        operands: row[3].as_str().unwrap(),
    }
}
