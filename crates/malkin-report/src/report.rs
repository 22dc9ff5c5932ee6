//! A disassembly report: what SMDA says about one binary.

use std::fmt;

use serde_json::Value;

use crate::address::ImageRange;
use crate::function::Function;

/// Processor or virtual machine the code is for; selects the escaper.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Architecture {
    /// x86 and x64.
    Intel,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM and Thumb.
    Arm,
    /// .NET intermediate language.
    Cil,
    /// Android virtual machine.
    Dalvik,
    /// Anything else, as stated; hashed over raw bytes.
    Other(String),
}

impl Architecture {
    /// Reads the text of a report. Never fails: unknown text is kept.
    pub fn from_text(text: &str) -> Self {
        match text {
            "intel" => Self::Intel,
            "aarch64" => Self::Aarch64,
            "arm" => Self::Arm,
            "cil" => Self::Cil,
            "dalvik" => Self::Dalvik,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The text of reports and records.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Intel => "intel",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Cil => "cil",
            Self::Dalvik => "dalvik",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the disassembly ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Status {
    /// Finished.
    #[default]
    Ok,
    /// Stopped by its time budget; functions found so far are in the report.
    Timeout,
    /// Failed; see the message.
    Error,
    /// Anything else a report states; the text is not kept.
    Unknown,
}

impl Status {
    /// The text of reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Unknown => "",
        }
    }
}

/// Counts over a report (`docs/reference/similarity.md` 1.5). Absent as a whole in some reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the fields are counts named by what they count")]
pub struct Statistics {
    pub num_functions: u64,
    pub num_recursive_functions: u64,
    pub num_leaf_functions: u64,
    /// Absent in older reports; records then show `null`.
    pub num_thunk_functions: Option<u64>,
    /// True for records out of old exports, which lack `num_thunk_functions` altogether and keep lacking it.
    pub omits_thunks: bool,
    pub num_basic_blocks: u64,
    pub num_instructions: u64,
    pub num_api_calls: u64,
    pub num_function_calls: u64,
    pub num_failed_functions: u64,
    pub num_failed_instructions: u64,
}

/// Who and what a sample is, as stated by whoever made the report. Everything is optional in the file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReportMetadata {
    /// Sum of instruction sizes of all functions, in bytes.
    pub binweight: f64,
    /// Component of a family, for example `loader`.
    pub component: String,
    /// Family name, empty if unknown.
    pub family: String,
    /// Name of the file as stated, normally without its folder.
    pub filename: String,
    /// Whether the code is a library rather than malware.
    pub is_library: bool,
    /// Whether the input was a memory dump.
    pub is_buffer: bool,
    /// Language -> score 0..1, normalised names in ascending order.
    pub language: Vec<(String, f64)>,
    /// Version of the family.
    pub version: String,
}

/// References between code and data, ascending. SMDA also takes some displacements for addresses, so that values go from
/// -2^63 to 2^64-1; where they lie outside of 64 unsigned bits they are no addresses.
pub type DataRefs = Vec<(i128, Vec<i128>)>;

/// A disassembly report.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// Selects the escaper.
    pub architecture: Architecture,
    /// ELF ABI, empty if none.
    pub abi: String,
    /// Address the image is mapped at.
    pub base_addr: Option<u64>,
    /// Size of the mapped image in bytes.
    pub binary_size: Option<u64>,
    /// 32, 64 or 0.
    pub bitness: Option<u64>,
    /// `[start, end]` pairs; absent (null) for a buffer whose areas nobody named. An end may be larger than 64 bits: damaged
    /// headers state such sums.
    pub code_areas: Option<Vec<(u64, u128)>>,
    /// `[start, end]` of code sections; their names are blanked as SMDA does. For ends see `code_areas`.
    pub code_sections: Option<Vec<(u64, u128)>>,
    /// As stated.
    pub confidence_threshold: Option<f64>,
    /// Address -> what failed, as stated; an object.
    pub disassembly_errors: Value,
    /// Seconds.
    pub execution_time: Option<f64>,
    /// Alignment of functions in bytes.
    pub identified_alignment: Option<u64>,
    /// Words of the disassembler.
    pub message: String,
    /// How the disassembly ended.
    pub status: Status,
    /// Identity of the sample: the text as submitted, normally 64 lower-case hex digits.
    pub sha256: String,
    /// As stated.
    pub sha1: Option<String>,
    /// As stated.
    pub md5: Option<String>,
    /// Version of the disassembler; gates recomputation of hashes.
    pub smda_version: Option<String>,
    /// Absent when the report has none or an empty object.
    pub statistics: Option<Statistics>,
    /// `YYYY-MM-DDTHH-MM-SS`, possibly empty.
    pub timestamp: String,
    /// Entry point.
    pub oep: Option<u64>,
    /// Who and what the sample is.
    pub metadata: ReportMetadata,
    /// Functions in ascending order of their entry.
    pub functions: Vec<Function>,
    /// First bytes of the file, hex.
    pub xheader: Option<String>,
    /// As stated.
    pub pe_header_hash: Option<String>,
    /// Address of an instruction -> data addresses, both ascending. Absent before SMDA 2.
    pub xdata_refs_from: Option<DataRefs>,
    /// Data address -> addresses of instructions, both ascending.
    pub xdata_refs_to: Option<DataRefs>,
    /// Exported and imported functions and symbols, as stated; an object.
    pub xmetadata: Option<Value>,
    /// The input itself: base85 of a zip, as stated and not looked into.
    pub buffer: Option<String>,
}

impl Report {
    /// A report without functions, for a disassembler to fill.
    pub fn empty(architecture: Architecture) -> Self {
        Self {
            architecture,
            abi: String::new(),
            base_addr: None,
            binary_size: None,
            bitness: None,
            code_areas: Some(Vec::new()),
            code_sections: None,
            confidence_threshold: None,
            disassembly_errors: Value::Object(serde_json::Map::new()),
            execution_time: None,
            identified_alignment: None,
            message: String::new(),
            status: Status::Ok,
            sha256: String::new(),
            sha1: None,
            md5: None,
            smda_version: None,
            statistics: None,
            timestamp: String::new(),
            oep: None,
            metadata: ReportMetadata::default(),
            functions: Vec::new(),
            xheader: None,
            pe_header_hash: None,
            xdata_refs_from: None,
            xdata_refs_to: None,
            xmetadata: None,
            buffer: None,
        }
    }

    /// The mapped image, if the report states where it is and how large.
    pub fn image_range(&self) -> Option<ImageRange> {
        Some(ImageRange::new(self.base_addr?, self.binary_size?))
    }
}
