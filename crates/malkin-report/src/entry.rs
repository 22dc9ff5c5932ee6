//! Records of the catalogue: what is remembered of families, samples and functions once a report was taken in.
//!
//! These are the values that the store keeps, the API shows and `.mcrit` files carry; their JSON shapes are in
//! `malkin_wire::entry`.

use crate::address::Va;
use crate::hash::{BlockHash, MinHash, PicHash};
use crate::id::{FamilyId, FunctionId, SampleId};
use crate::report::{Architecture, Report, Statistics};

/// A stored sample.
#[derive(Clone, PartialEq, Debug)]
pub struct SampleEntry {
    /// Number of the sample.
    pub sample_id: SampleId,
    /// Its family.
    pub family_id: FamilyId,
    /// Name of the family, empty for the nameless one. Of query samples the report's text.
    pub family: String,
    /// Version of the family.
    pub version: String,
    /// Component of the family.
    pub component: String,
    /// Base name of the file.
    pub filename: String,
    /// Whether the code is a library.
    pub is_library: bool,
    /// Identity as submitted.
    pub sha256: String,
    /// Selects the escaper.
    pub architecture: Architecture,
    /// 32, 64 or 0.
    pub bitness: u64,
    /// Address the image is mapped at; 0 if unknown.
    pub base_addr: Va,
    /// Size of the mapped image in bytes; 0 if unknown.
    pub binary_size: u64,
    /// Sum of instruction sizes in bytes.
    pub binweight: f64,
    /// Version of the disassembler, empty if unknown.
    pub smda_version: String,
    /// Counts of the report.
    pub statistics: Statistics,
    /// `YYYY-MM-DDTHH-MM-SS`, the time of the analysis as the report states it.
    pub timestamp: String,
}

impl SampleEntry {
    /// The record of a report as it is taken in. What the report does not state becomes empty, 0 or false. `None` without
    /// statistics or time, which the reference cannot store either.
    pub fn of_report(report: &Report, sample_id: SampleId, family_id: FamilyId) -> Option<Self> {
        let metadata = &report.metadata;
        if report.timestamp.is_empty() {
            return None;
        }
        Some(Self {
            sample_id,
            family_id,
            family: metadata.family.clone(),
            version: metadata.version.clone(),
            component: metadata.component.clone(),
            filename: metadata.filename.clone(),
            is_library: metadata.is_library,
            sha256: report.sha256.clone(),
            architecture: report.architecture.clone(),
            bitness: report.bitness.unwrap_or_default(),
            base_addr: Va::new(report.base_addr.unwrap_or_default()),
            binary_size: report.binary_size.unwrap_or_default(),
            binweight: metadata.binweight,
            smda_version: report.smda_version.clone().unwrap_or_default(),
            statistics: report.statistics?,
            timestamp: report.timestamp.clone(),
        })
    }
}

/// A family with its counters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FamilyEntry {
    /// Number of the family.
    pub family_id: FamilyId,
    /// Empty for the nameless family.
    pub family_name: String,
    /// Stored samples.
    pub num_samples: u64,
    /// Functions of those.
    pub num_functions: u64,
    /// Samples among them that are libraries.
    pub num_library_samples: u64,
}

/// A name somebody gave to a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionLabel {
    /// The name.
    pub function_label: String,
    /// Who gave it.
    pub username: String,
    /// When, `YYYY-MM-DDTHH:MM:SS` in UTC.
    pub timestamp: String,
}

/// A basic block of at least four instructions with its hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockOccurrence {
    /// Start of the block.
    pub offset: Va,
    /// Number of instructions.
    pub length: u32,
    /// Number of bytes.
    pub size: u32,
    /// Its position-independent hash.
    pub hash: BlockHash,
}

/// A stored function without its disassembly.
#[derive(Clone, PartialEq, Debug)]
pub struct FunctionEntry {
    /// Number of the function.
    pub function_id: FunctionId,
    /// Its sample.
    pub sample_id: SampleId,
    /// The family of that sample.
    pub family_id: FamilyId,
    /// Selects the escaper.
    pub architecture: Architecture,
    /// Sum of instruction sizes in bytes.
    pub binweight: f64,
    /// Name in the report, empty if unknown.
    pub function_name: String,
    /// Names given since, in the order they were given.
    pub function_labels: Vec<FunctionLabel>,
    /// Signature; empty if the function is too small.
    pub minhash: MinHash,
    /// Number of basic blocks.
    pub num_blocks: u32,
    /// Number of instructions.
    pub num_instructions: u32,
    /// Entry address.
    pub offset: Va,
    /// 0 if there is none.
    pub pichash: PicHash,
    /// Hashes of blocks with at least four instructions, in the order of `docs/reference/similarity.md` section 4.
    pub picblockhashes: Vec<BlockOccurrence>,
}
