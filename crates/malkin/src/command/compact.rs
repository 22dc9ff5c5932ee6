//! `malkin compact`: writes the database again without the room that deleted records left.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use malkin_store::{Catalogue, SqliteStore};

use crate::failure::Failure;
use crate::output;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Data directory of the embedded store; stop its server first
    #[arg(long, value_name = "DIR", env = "MALKIN_DATA", default_value = "malkin-data")]
    data: PathBuf,
}

/// Compacts, and prints the size before and after.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    if !options.data.is_dir() {
        return Err(Failure::Refused {
            path: options.data.clone(),
            what: "no such data directory".to_owned(),
        });
    }
    let store = SqliteStore::open(&options.data, "malkin compact")?;
    let before = store.size()?;
    store.compact()?;
    output::line(&format!("database size: {before} bytes before, {} bytes now", store.size()?))?;
    Ok(ExitCode::SUCCESS)
}
