//! The commands. Exit status: 0 done, 1 failed, 2 wrong usage, 3 partly done.

pub(crate) mod blocks;
pub(crate) mod compact;
pub(crate) mod cross;
pub(crate) mod disassemble;
pub(crate) mod evidence;
pub(crate) mod export;
pub(crate) mod graph;
mod hash;
pub(crate) mod import;
pub(crate) mod lookup;
pub(crate) mod match_;
pub(crate) mod match_options;
pub(crate) mod migrate;
pub(crate) mod proof;
pub(crate) mod query;
pub(crate) mod result_table;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod token;
pub(crate) mod triage;
pub(crate) mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;

/// Some inputs succeeded, some did not.
pub(crate) const PARTLY_DONE: u8 = 3;

/// A command with its options.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Start the server: REST API and workers in one process.
    Serve(serve::Options),
    /// Store executables or SMDA reports as samples; accepts files, folders and .gz.
    Submit(submit::Options),
    /// Find samples that share code with a file, without storing it.
    Query(query::Options),
    /// Find samples that share code with a stored sample.
    Match(match_::Options),
    /// Compare several stored samples with each other.
    Cross(cross::Options),
    /// Find code unique to some samples and write a YARA rule for it.
    Blocks(blocks::Options),
    /// Write the SMDA report of executables or memory dumps.
    Disassemble(disassemble::Options),
    /// Print the hashes of every function, one JSON line each.
    Hash(hash::Options),
    /// Draw the flow graph of a stored function as SVG.
    Graph(graph::Options),
    /// Search families, samples or functions by name and conditions.
    Search(search::Options),
    /// Show what the corpus holds.
    Status(status::Options),
    /// Check a data directory: the database, the stored index, and that the two agree.
    Verify(verify::Options),
    /// Shrink the database of a data directory to the size of its content.
    Compact(compact::Options),
    /// Import .mcrit files, or the analyses of the original triage service.
    Import(import::Options),
    /// Copy the corpus of a running MCRIT server; rerun to resume.
    Migrate(migrate::Options),
    /// Write a .mcrit file that MCRIT and Malkin can import.
    Export(export::Options),
    /// Examine a file: facts, related samples, reputation, and a verdict with its reasons.
    Triage(triage::Options),
    /// Look up a hash at threat-intelligence providers.
    Lookup(lookup::Options),
    /// Manage the access tokens of a server.
    Token(token::Options),
}

impl Command {
    /// Runs it.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Serve(options) => serve::run(options),
            Self::Submit(options) => submit::run(&options),
            Self::Query(options) => query::run(&options),
            Self::Match(options) => match_::run(&options),
            Self::Cross(options) => cross::run(&options),
            Self::Blocks(options) => blocks::run(&options),
            Self::Disassemble(options) => disassemble::run(&options),
            Self::Hash(options) => hash::run(&options),
            Self::Graph(options) => graph::run(&options),
            Self::Search(options) => search::run(&options),
            Self::Status(options) => status::run(&options),
            Self::Verify(options) => verify::run(&options),
            Self::Compact(options) => compact::run(&options),
            Self::Import(options) => import::run(&options),
            Self::Migrate(options) => migrate::run(&options),
            Self::Export(options) => export::run(&options),
            Self::Triage(options) => triage::run(&options),
            Self::Lookup(options) => lookup::run(&options),
            Self::Token(options) => token::run(&options),
        }
    }
}

/// Done, partly done or failed, by how many of the inputs were.
pub(crate) fn exit_code(done: usize, failed: usize) -> ExitCode {
    match (done, failed) {
        (_, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(PARTLY_DONE),
    }
}
