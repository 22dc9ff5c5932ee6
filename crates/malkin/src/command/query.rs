//! `malkin query`: where the code of a file has been seen, without storing it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use malkin_report::wire;
use malkin_service::MatchArguments;

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

    /// Compare with every distinct signature: nothing above the threshold is missed
    #[arg(long)]
    exact: bool,

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
        Place::Local(engine) => {
            let mut arguments = MatchArguments::none();
            if options.exact {
                arguments.exact();
            }
            engine
                .query_now(report, &arguments)
                .map_err(|error| Failure::refused(&options.file, error.to_string()))?
        }
        Place::Remote(remote) => {
            let path = if options.exact { "/query?exact=true" } else { "/query" };
            let job = remote.post(path, &wire::write_report_compact(&report))?;
            remote.await_result(&job)?.to_string().into_bytes()
        }
    };
    result_table::print(&result, options.format, options.top)?;
    Ok(ExitCode::SUCCESS)
}
