//! `malkin export`: a `.mcrit` file of all samples or of some, which MCRIT and Malkin import.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use malkin_report::SampleId;

use crate::failure::Failure;
use crate::output;
use crate::place::{self, Place};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Sample numbers [default: all]
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    samples: Option<Vec<i64>>,

    /// Compress the functions of each sample
    #[arg(long)]
    compress: bool,

    /// Write to this file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    place: place::Options,
}

/// Writes the file; it appears under its name once it is complete.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let path = &options.output;
    let unwritable =
        |error: std::io::Error| Failure::Other(format!("cannot write {}: {error}", path.display()));
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let mut file = BufWriter::new(File::create(&partial).map_err(unwritable)?);
    match options.place.open_to_read()? {
        Place::Local(app) => {
            let samples: Option<Vec<SampleId>> =
                options.samples.as_ref().map(|ids| ids.iter().copied().map(SampleId::new).collect());
            let export = app.corpus.export(samples.as_deref(), options.compress)?;
            app.corpus.write_export(&export, &mut file).map_err(|error| Failure::Other(error.to_string()))?;
        }
        Place::Remote(remote) => {
            let ids = options
                .samples
                .as_ref()
                .map(|ids| ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
            let route = ids.map_or_else(|| "/export".to_owned(), |ids| format!("/export/{ids}"));
            let answer = remote.get(&format!("{route}?compress={}", options.compress))?;
            serde_json::to_writer(&mut file, &answer).map_err(|error| unwritable(error.into()))?;
        }
    }
    file.flush().map_err(unwritable)?;
    file.into_inner().map_err(|error| unwritable(error.into_error()))?.sync_all().map_err(unwritable)?;
    std::fs::rename(&partial, path).map_err(unwritable)?;
    let size = std::fs::metadata(path).map_err(unwritable)?.len();
    output::line(&format!("{}: {size} bytes", path.display()))?;
    Ok(ExitCode::SUCCESS)
}
