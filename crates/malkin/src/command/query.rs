//! `malkin query`: where the code of a file has been seen, without storing it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use malkin_report::wire;

use crate::command::match_options::MatchOptions;
use crate::command::result_table;
use crate::failure::Failure;
use crate::input;
use crate::output::Format;
use crate::place::{self, Place};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// An SMDA report (also .gz) or an executable
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    matching: MatchOptions,

    /// Samples to show in the table
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,

    /// How to print; JSON is the whole result as the API gives it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    code: input::CodeOptions,

    #[command(flatten)]
    place: place::Options,
}

/// Asks and prints.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let report = input::report(&options.file, &options.code)?;
    let result = match options.place.open()? {
        Place::Local(engine) => engine
            .query_now(report, &options.matching.arguments())
            .map_err(|error| Failure::refused(&options.file, error.to_string()))?,
        Place::Remote(remote) => {
            let path = format!("/query{}", options.matching.query_string());
            let job = remote.post(&path, &wire::write_report_compact(&report))?;
            remote.await_result(&job)?.to_string().into_bytes()
        }
    };
    result_table::print(&result, options.format, options.top)?;
    Ok(ExitCode::SUCCESS)
}
