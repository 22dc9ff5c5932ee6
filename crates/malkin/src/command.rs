//! The commands. Exit status: 0 done, 1 failed, 2 wrong usage, 3 partly done.

pub(crate) mod bench;
pub(crate) mod blocks;
pub(crate) mod compact;
pub(crate) mod cross;
pub(crate) mod disassemble;
pub(crate) mod evidence;
pub(crate) mod export;
pub(crate) mod hash;
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

/// Some inputs were done, some were not.
pub(crate) const PARTLY_DONE: u8 = 3;

/// A command with its options.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Start the server: REST API and workers in one process.
    Serve(serve::Options),
    /// Store samples: executables or SMDA reports (also .gz), single files or folders.
    Submit(submit::Options),
    /// Where has the code of this file been seen? The file does not become a sample.
    Query(query::Options),
    /// Where has the code of a stored sample been seen?
    Match(match_::Options),
    /// How similar are several stored samples to each other?
    Cross(cross::Options),
    /// Code that only some samples have, and a YARA rule made of it.
    Blocks(blocks::Options),
    /// Write the SMDA report of executables or memory dumps.
    Disassemble(disassemble::Options),
    /// Print the hashes of every function, one JSON line each.
    Hash(hash::Options),
    /// Search families, samples or functions by name and by conditions.
    Search(search::Options),
    /// What the corpus holds.
    Status(status::Options),
    /// Check a data directory: database, stored index, and that both say the same.
    Verify(verify::Options),
    /// Make the database of a data directory as small as what it holds.
    Compact(compact::Options),
    /// Take in .mcrit files, or the analyses of the original triage service.
    Import(import::Options),
    /// Take over the corpus of a running MCRIT server; started again, it goes on where it stopped.
    Migrate(migrate::Options),
    /// Write a .mcrit file that MCRIT and Malkin import.
    Export(export::Options),
    /// What is this file? Facts, kinship, reputation and a verdict with its reasons.
    Triage(triage::Options),
    /// What do threat-intelligence providers know about a hash?
    Lookup(lookup::Options),
    /// Named tokens of a server: readers, contributors, admins.
    Token(token::Options),
    /// Reproducible measurements: a corpus from a seed, and the time of answers on it.
    Bench(bench::Options),
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
            Self::Bench(options) => bench::run(&options),
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
