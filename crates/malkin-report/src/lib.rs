//! What Malkin talks about: identifiers, hashes and addresses as types, disassembly reports with their functions, blocks
//! and instructions, and the records and results made of them.
//!
//! Floor 0: values, without their JSON (`malkin-wire`). Nothing here opens a file, reads a clock or hashes code.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod address;
pub mod blockrefs;
pub mod budget;
pub mod cfg;
pub mod entry;
pub mod function;
pub mod hash;
pub mod id;
pub mod limits;
pub mod matching;
pub mod report;
pub mod unique_blocks;
pub mod version_gate;

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
