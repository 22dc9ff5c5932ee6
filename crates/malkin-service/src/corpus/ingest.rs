//! From bytes of a report to a sample that can be stored or matched: parse, check what the catalogue needs, renew stale
//! hashes, hash every function. Pure work; nothing is stored here.

use std::borrow::Cow;

use malkin_codehash::{
    FunctionHashes, HashError, HashPath, MinHasher, SampleContext, Scratch, hash_function_in, refresh,
};
use malkin_report::{self as model, Architecture, Function, PicHash, Report, Va};
use malkin_store::{NewFunction, NewLabel, NewSample};
use malkin_wire::columns::Xcfg;
use malkin_wire::{ReadError, ReadErrorKind};

use crate::allowance::{Allowance, within};
use crate::ended::{Budget, note_ended};
use crate::stage::{Stage, timed};

/// Why a report cannot become a sample.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The bytes are no JSON.
    #[error("{0}")]
    NotJson(ReadError),
    /// The JSON is no report.
    #[error("not an SMDA report: {0}")]
    NotAReport(ReadError),
    /// The report lacks what the record of a sample is made of.
    #[error("not an SMDA report: {0}")]
    Incomplete(Cow<'static, str>),
    /// The machine code is no text that could be hashed.
    #[error("not an SMDA report: {0}")]
    Unhashable(HashError),
    /// The budget of the request ended the hashing.
    #[error("the functions of the report were not all hashed: {0}")]
    Ended(model::Ended),
}

/// A report turned into a sample.
#[derive(Debug)]
pub struct Ingested {
    /// The sample with its hashed functions.
    pub sample: NewSample,
    /// Names of functions, to be kept as labels.
    pub labels: Vec<NewLabel>,
    /// The report in one line as MCRIT shows it in the parameters of a query.
    pub summary: String,
    /// Functions left without signature though they are large enough, with the cause; normally none.
    pub unhashed: Vec<(Va, HashError)>,
}

/// Documents beyond this size are checked at their start first: a hostile number or text in a large body would be copied
/// while it is read.
const LARGE: usize = 32 << 20;

/// Reads a report.
pub fn read_report(body: &[u8]) -> Result<Report, IngestError> {
    if body.len() > LARGE {
        check_report_start(&body[..LARGE / 2])?;
    }
    let allowance = Allowance::report(body.len());
    let (read, ended) = within(allowance, body.len(), &|| true, |budget| {
        let read = timed(Stage::Read, || malkin_wire::read_report_within(body, budget));
        (read, budget.ended())
    });
    // A limit of the budget has been counted with it.
    read.map_err(|error| if ended.is_some() { IngestError::NotAReport(error) } else { refused(error) })
}

/// Whether a document that begins with these bytes can still be a report.
pub fn check_report_start(start: &[u8]) -> Result<(), IngestError> {
    malkin_wire::check_report_start(start).map_err(refused)
}

fn refused(error: ReadError) -> IngestError {
    if error.kind() == ReadErrorKind::Limit {
        note_ended(Budget::Memory);
    }
    match error.kind() {
        ReadErrorKind::Syntax => IngestError::NotJson(error),
        _ => IngestError::NotAReport(error),
    }
}

/// Hashes a report and shapes it for the catalogue.
pub fn ingest(report: Report, hasher: &MinHasher) -> Result<Ingested, IngestError> {
    ingest_on(HashPath::Server, report, hasher)
}

/// As [`ingest`] on either path of hashing: only signatures of a few architectures differ.
pub(crate) fn ingest_on(path: HashPath, report: Report, hasher: &MinHasher) -> Result<Ingested, IngestError> {
    let rows = report.functions.iter().map(|function| 1 + function.num_instructions()).sum::<usize>();
    let size = rows.saturating_mul(TEXT_OF_ROW);
    within(Allowance::report(size), size, &|| true, |budget| {
        timed(Stage::Hash, || hash(path, report, hasher, budget))
    })
}

/// Text of an instruction, or of a function without its instructions, in bytes; hashing is given its time by it.
const TEXT_OF_ROW: usize = 64;
/// Units of work of hashing the same: every shingle of a function is hashed 64 times.
const WORK_OF_ROW: u64 = 2048;

fn hash(
    path: HashPath,
    mut report: Report,
    hasher: &MinHasher,
    budget: &model::Budget<'_>,
) -> Result<Ingested, IngestError> {
    let Some(statistics) = report.statistics else {
        return Err(IngestError::Incomplete("statistics are missing".into()));
    };
    if !is_timestamp(&report.timestamp) {
        let text = format!("timestamp {:?} is not of the form YYYY-MM-DDTHH-MM-SS", report.timestamp);
        return Err(IngestError::Incomplete(text.into()));
    }
    refresh(&mut report).map_err(IngestError::Unhashable)?;
    let summary = summary(&report);
    let context = SampleContext::of(&report);
    let mut unhashed = Vec::new();
    let mut functions = Vec::with_capacity(report.functions.len());
    let mut labels = Vec::new();
    let mut scratch = Scratch::new();
    for function in &report.functions {
        if !budget.work((1 + function.num_instructions() as u64).saturating_mul(WORK_OF_ROW)) {
            return Err(IngestError::Ended(budget.ended().unwrap_or(model::Ended::Work)));
        }
        let hashes = hash_function_in(function, &context, hasher, path, &mut scratch)
            .map_err(IngestError::Unhashable)?;
        unhashed.extend(hashes.unsigned.map(|error| (function.offset, error)));
        functions.push(new_function(function, hashes));
        if is_label(&function.metadata.function_name) {
            labels.push(NewLabel { offset: function.offset, label: function.metadata.function_name.clone() });
        }
    }
    let metadata = report.metadata;
    let sample = NewSample {
        family: metadata.family,
        version: metadata.version,
        component: metadata.component,
        filename: metadata.filename,
        is_library: metadata.is_library,
        sha256: report.sha256,
        architecture: report.architecture,
        bitness: report.bitness.unwrap_or(0),
        base_addr: Va::new(report.base_addr.unwrap_or(0)),
        binary_size: report.binary_size.unwrap_or(0),
        binweight: metadata.binweight,
        smda_version: report.smda_version.unwrap_or_default(),
        minhash_version: malkin_codehash::SMDA_VERSION.to_owned(),
        statistics,
        timestamp: report.timestamp,
        functions,
    };
    Ok(Ingested { sample, labels, summary, unhashed })
}

fn new_function(function: &Function, hashes: FunctionHashes) -> NewFunction {
    let mut text = Vec::new();
    malkin_wire::function_to_json(function, &mut text);
    NewFunction {
        offset: function.offset,
        num_blocks: count(function.num_blocks()),
        num_instructions: count(function.num_instructions()),
        binweight: function.metadata.binweight,
        function_name: function.metadata.function_name.clone(),
        pichash: function.metadata.pic_hash.unwrap_or(PicHash::new(0)),
        minhash: hashes.minhash,
        picblockhashes: hashes.blocks,
        xcfg: Xcfg::from_text(&text),
        labels: Vec::new(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `YYYY-MM-DDTHH-MM-SS`, the only form of a report's time that MCRIT takes.
pub(crate) fn is_timestamp(text: &str) -> bool {
    jiff::civil::DateTime::strptime("%Y-%m-%dT%H-%M-%S", text).is_ok()
}

/// Whether a function's name was given by somebody: anything but `sub_` with up to 16 hex digits in front.
fn is_label(name: &str) -> bool {
    !name.is_empty()
        && !name.strip_prefix("sub_").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()))
}

/// The line SMDA prints for a report.
fn summary(report: &Report) -> String {
    let duration =
        report.execution_time.map_or_else(|| "     ?s".to_owned(), |seconds| format!("{seconds:>6.3}s"));
    if report.status == malkin_report::Status::Error {
        return format!("{duration} -> {}", report.message);
    }
    let architecture = match report.bitness {
        Some(bitness) if bitness > 0 => format!("{}.{bitness}bit", architecture_text(&report.architecture)),
        _ => architecture_text(&report.architecture).to_owned(),
    };
    let base = report.base_addr.map_or_else(|| "0x????????".to_owned(), |base| format!("0x{base:08x}"));
    let incomplete = match report.status {
        malkin_report::Status::Timeout => " -- INCOMPLETE, analysis hit the timeout",
        _ => "",
    };
    let functions = report.functions.len();
    format!(
        "{duration} -> (architecture: {architecture}, base_addr: {base}): {functions} functions{incomplete}"
    )
}

fn architecture_text(architecture: &Architecture) -> &str {
    architecture.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_ends_with_its_budget_and_says_why() {
        let text = malkin_testkit::read_gz(malkin_testkit::fixture(
            "golden/disasm/golden/public/sw_gcc32_O2.smda.gz",
        ));
        let report = read_report(&text).unwrap();
        let hasher = MinHasher::default();
        let little = model::Budget::new(WORK_OF_ROW, u64::MAX);
        let error = hash(HashPath::Server, report.clone(), &hasher, &little).unwrap_err();
        assert!(matches!(error, IngestError::Ended(model::Ended::Work)), "{error}");
        // What real reports cost is far below what they may.
        let ingested = ingest(report, &hasher).unwrap();
        assert!(!ingested.sample.functions.is_empty());
    }

    #[test]
    fn names_given_by_people_are_labels() {
        for (name, label) in [
            ("main", true),
            ("", false),
            ("sub_401000", false),
            ("sub_401000_x", false),
            ("sub_main", true),
            ("sub_", true),
            ("xsub_401000", true),
            ("SUB_401000", true),
        ] {
            assert_eq!(is_label(name), label, "{name}");
        }
    }

    #[test]
    fn times_of_reports_have_dashes() {
        assert!(is_timestamp("2026-01-02T03-04-05"));
        for bad in ["", "abc", "2026-01-02T03:04:05", "2026-13-02T03-04-05", "2026-01-02T03-04-05Z"] {
            assert!(!is_timestamp(bad), "{bad}");
        }
    }

    #[test]
    fn the_summary_is_the_line_smda_prints() {
        let mut report = Report::empty(Architecture::Intel);
        assert_eq!(summary(&report), "     ?s -> (architecture: intel, base_addr: 0x????????): 0 functions");
        report.execution_time = Some(0.5);
        report.bitness = Some(32);
        report.base_addr = Some(0x40_0000);
        assert_eq!(
            summary(&report),
            " 0.500s -> (architecture: intel.32bit, base_addr: 0x00400000): 0 functions"
        );
    }
}
