//! Use cases: what API and command line have in common, one room for each thing that is kept.
//!
//! | room | keeps |
//! |---|---|
//! | `corpus` | store and index in step: adding, changing, import, export, checks |
//! | `jobs` | the queue, workers, and one file for each kind of job |
//! | `triage` | examination of files, limits of it, answers of providers |
//! | `tokens` | named tokens |
//! | `questions` | nothing: answers at once, over a corpus |
//!
//! [`App`] holds the rooms side by side. No room imports it; jobs, questions and triage import `corpus`, never each other's insides.
//! Beneath lie leaves that all may use: `matching` (comparisons), `disassembly`, `error`, `clock`, `stage`, `allowance`, `ended`.
//!
//! Floor 4. The clock, threads and logging begin here; HTTP and the terminal do not. Everything blocks.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod allowance;
mod app;
mod author;
pub mod clock;
mod corpus;
mod disassembly;
mod ended;
mod error;
pub mod fetch;
mod inspector;
pub mod jobs;
mod matching;
mod python_json;
pub mod questions;
mod result_filter;
mod result_tables;
mod room;
mod stage;
#[cfg(test)]
mod test_corpus;
mod tokens;
pub mod triage;

pub use app::{App, Settings, Submitted};
pub use author::working_for;
pub use clock::Clock;
pub use corpus::export::{Export, ExportError, ExportPieces};
pub use corpus::import::{ImportError, Imported};
pub use corpus::index::{CorpusIndex, IndexReport};
pub use corpus::ingest::{IngestError, Ingested, check_report_start, ingest, read_report};
pub use corpus::{Corpus, DEFAULT_MATCH_TIME};
pub use disassembly::{DEFAULT_TIME, DisassemblyError, DisassemblyOptions, disassemble, sha256_hex};
pub use ended::{Budget, ended_counts, note_ended};
pub use error::{Cancelled, JobError, ServiceError};
pub use fetch::IntelSettings;
pub use inspector::{INSPECTION_INTERVAL, Inspector};
pub use jobs::kinds::{
    BinaryArguments, BlockArguments, Changes, CheckedFile, RuleCheck, UntriedFile, rules_to_body,
};
pub use jobs::{ATTEMPTS, DEFAULT_CEILING, Keeping, LEASE_MILLIS, Removed, Workers, display_text};
pub use malkin_index::{IndexReader, IndexStats, Scratch};
pub use malkin_matching::{
    MatchParameters, Pair, PairOrder, ResultFilter, ResultTable, RuleOptions, YaraRule, yara_rule,
};
pub use malkin_store::{Ceiling, Role};
pub use matching::MatchArguments;
pub use questions::{FunctionPair, FunctionPlace};
pub use result_filter::filtered_result;
pub use result_tables::{KeptTable, ReadTable, ResultTables};
pub use stage::{Stage, StageTime, stage_times};
pub use tokens::{Revoked, Tokens};

pub use malkin_triage::archive::is_archive;
pub use malkin_triage::kind;
pub use malkin_triage::yara::Rules;
pub use triage::{Analysed, Triage, Uploaded};

/// Version of MCRIT whose API and results this is.
pub const MCRIT_VERSION: &str = "1.9.0";
