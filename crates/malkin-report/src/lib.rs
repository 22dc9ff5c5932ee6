//! What Malkin talks about: identifiers, hashes and addresses as types, disassembly reports with their functions, blocks
//! and instructions, the records made of them, and the JSON that clients and files use for all of it.
//!
//! Floor 0. Nothing here opens a file, reads a clock or hashes code; parsing takes bytes and returns values.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod address;
pub mod blockrefs;
pub mod budget;
pub mod cfg;
pub mod entry;
pub mod function;
pub mod gzip;
pub mod hash;
pub mod id;
pub mod leb128;
pub mod limits;
pub mod matching;
pub mod mcrit;
pub mod report;
pub mod unique_blocks;
pub mod version_gate;
pub mod wire;

pub use address::{ImageRange, Va};
pub use budget::{Budget, Ended};
pub use entry::{BlockOccurrence, FamilyEntry, FunctionEntry, FunctionLabel, SampleEntry};
pub use function::{Block, Code, CodeBuilder, CodeError, Function, FunctionMetadata, Instruction};
pub use hash::{BlockHash, MinHash, PicHash, Sha256};
pub use id::{FamilyId, FunctionId, JobId, ObjectId, ResultId, SampleId, UploadId};
pub use matching::{
    Amount, BandingReport, Ceiling, CrossMatrix, CrossResult, FunctionMatch, MatchCounts, MatchFlags,
    MatchInfo, MatchJob, MatchTuple, MatchedFunction, MatchedFunctionCounts, MatchedSample, MatcherKind,
    MatchingResult, Missed, OtherSamples, Partial, Weighted,
};
pub use report::{Architecture, DataRefs, Report, ReportMetadata, Statistics, Status};
pub use unique_blocks::{
    BlockInstruction, BlockName, BlockNotation, SampleBlocks, UniqueBlock, UniqueBlocks,
    UniqueBlocksStatistics,
};
