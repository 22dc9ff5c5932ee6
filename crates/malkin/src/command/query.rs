//! `malkin query`: where the code of a file has been seen, without storing it.

use malkin_service::questions;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::command::match_options::MatchOptions;
use crate::command::result_table;
use crate::failure::Failure;
use crate::input;
use crate::output::Format;
use crate::place::{self, Place};
use crate::remote::escaped;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// An SMDA report (also .gz) or an executable
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    matching: MatchOptions,

    /// Number of samples to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,

    /// Output format; JSON is the whole result as the API returns it
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
    let (result, attribution) = match options.place.open_to_read()? {
        Place::Local(app) => {
            let result = questions::query(&app.corpus, report, &options.matching.arguments())
                .map_err(|error| Failure::refused(&options.file, error.to_string()))?;
            let attribution = questions::attribution(&app.corpus, &result)?.unwrap_or_default();
            (result, attribution)
        }
        Place::Remote(remote) => {
            let path = format!("/query{}", options.matching.query_string());
            let job = remote.post(&path, &malkin_wire::write_report_compact(&report))?;
            let result = remote.await_result(&job)?.to_string().into_bytes();
            // MCRIT has no such route; its results are shown without.
            let attribution =
                job.as_str().and_then(|id| remote.get(&format!("/jobs/{}/attribution", escaped(id))).ok());
            (result, attribution.unwrap_or_default())
        }
    };
    result_table::print(&result, &attribution, options.format, options.top)?;
    Ok(ExitCode::SUCCESS)
}
