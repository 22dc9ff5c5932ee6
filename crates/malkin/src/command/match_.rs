//! `malkin match`: where the code of a stored sample has been seen.

use malkin_service::questions;
use std::process::ExitCode;

use clap::Args;
use malkin_report::SampleId;

use crate::command::match_options::MatchOptions;
use crate::command::result_table;
use crate::failure::Failure;
use crate::output::Format;
use crate::place::{self, Place};
use crate::remote::escaped;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Sample number
    #[arg(value_name = "SAMPLE", allow_negative_numbers = true)]
    sample: i64,

    /// Compare only with this sample
    #[arg(value_name = "OTHER", allow_negative_numbers = true)]
    other: Option<i64>,

    #[command(flatten)]
    matching: MatchOptions,

    /// Number of samples to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,

    /// Output format; JSON is the whole result as the API returns it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    place: place::Options,
}

/// Asks and prints.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let arguments = options.matching.arguments();
    let (result, attribution) = match options.place.open_to_read()? {
        Place::Local(app) => {
            let result = questions::match_sample(
                &app.corpus,
                SampleId::new(options.sample),
                options.other.map(SampleId::new),
                &arguments,
            )?;
            let attribution = questions::attribution(&app.corpus, &result)?.unwrap_or_default();
            (result, attribution)
        }
        Place::Remote(remote) => {
            let other = options.other.map(|other| format!("/{other}")).unwrap_or_default();
            let query = options.matching.query_string();
            let job = remote.get(&format!("/matches/sample/{}{other}{query}", options.sample))?;
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
