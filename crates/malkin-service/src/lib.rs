//! Use cases: what API and command line have in common. Ingesting reports, the queue with its workers, matching as jobs,
//! and the index kept in step with the store.
//!
//! Floor 4. The clock, threads and logging begin here; HTTP and the terminal do not. Everything blocks.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod access;
mod allowance;
mod attribution;
mod author;
pub mod clock;
mod desk;
mod disassembly;
mod ended;
mod engine;
mod export;
pub mod fetch;
mod import;
mod ingest;
mod inspector;
mod lookup;
mod memory;
mod narrow;
mod python_json;
mod queue;
mod request;
mod rule_check;
mod run;
mod stage;
#[cfg(test)]
mod test_corpus;
pub mod triage;

pub use access::Revoked;
pub use author::working_for;
pub use clock::Clock;
pub use disassembly::{DEFAULT_TIME, DisassemblyError, DisassemblyOptions, disassemble, sha256_hex};
pub use ended::{Budget, ended_counts, note_ended};
pub use engine::{DEFAULT_CEILING, DEFAULT_MATCH_TIME, Engine, ServiceError, Submitted};
pub use export::{Export, ExportError, ExportPieces};
pub use fetch::IntelSettings;
pub use import::{ImportError, Imported};
pub use ingest::{IngestError, Ingested, check_report_start, ingest, read_report};
pub use inspector::{INSPECTION_INTERVAL, Inspector};
pub use lookup::FunctionPlace;
pub use malkin_index::{IndexReader, IndexStats, Scratch};
pub use malkin_matching::{MatchParameters, ResultFilter, RuleOptions, YaraRule, yara_rule};
pub use malkin_store::{Ceiling, Role};
pub use memory::{IndexReport, Memory, Touched};
pub use narrow::narrowed_result;
pub use queue::{Board, Cancelled, JobControl, Keeping, LEASE_MILLIS, Removed, Workers};
pub use request::{
    ATTEMPTS, BinaryArguments, BlockArguments, Changes, Maintenance, MatchArguments, Request, UnknownRequest,
    display_text,
};
pub use rule_check::{CheckedFile, RuleCheck, UntriedFile, rules_to_body};
pub use run::{FunctionPair, JobError};
pub use stage::{Stage, StageTime, stage_times};

pub use malkin_triage::archive::is_archive;
pub use malkin_triage::kind;
pub use malkin_triage::yara::Rules;
pub use triage::{Analysed, Uploaded};

/// Version of MCRIT whose API and results this is.
pub const MCRIT_VERSION: &str = "1.9.0";
