//! `malkin import`: `.mcrit` files, and the database of the original triage service.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use malkin_service::{Engine, Imported};
use serde_json::Value;

use crate::command::exit_code;
use crate::failure::Failure;
use crate::place::{self, Place};
use crate::{input, output};

/// How a SQLite database begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// `.mcrit` files of MCRIT or Malkin, `analyses.db` of the original triage service, or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    place: place::Options,
}

/// Takes in all files, one after the other.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let files = input::expand(&options.files)?;
    let place = options.place.open()?;
    let progress = output::Progress::over(files.len());
    let mut failed = 0;
    for file in &files {
        let started = Instant::now();
        match take(&place, file) {
            Ok(said) => {
                output::data(&format!(
                    "{}: {said}, {:.2} s\n",
                    file.display(),
                    started.elapsed().as_secs_f64()
                ))?;
            }
            Err(failure) => {
                output::error(&failure);
                failed += 1;
            }
        }
        progress.step();
    }
    Ok(exit_code(files.len() - failed, failed))
}

fn take(place: &Place, path: &Path) -> Result<String, Failure> {
    let unreadable = |source| Failure::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = Vec::new();
    file.by_ref().take(SQLITE.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
    match place {
        Place::Local(engine) if start == SQLITE => {
            let (added, left_out) = engine.import_analyses(path)?;
            Ok(format!("{added} new analyses, {left_out} left out"))
        }
        Place::Local(engine) => corpus(engine, path),
        Place::Remote(_) if start == SQLITE => Err(Failure::refused(
            path,
            "analyses are imported into a data directory, not through a server".to_owned(),
        )),
        Place::Remote(remote) => {
            let bytes = std::fs::read(path).map_err(unreadable)?;
            Ok(told(&remote.post("/import", &bytes)?))
        }
    }
}

fn corpus(engine: &Engine, path: &Path) -> Result<String, Failure> {
    let file = File::open(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
    let imported = engine.import(file).map_err(|error| Failure::refused(path, error.to_string()))?;
    let Some(imported) = imported else {
        let cause = "its hashes cannot be compared with those of this corpus: it was made with other settings or another version";
        return Err(Failure::refused(path, cause.to_owned()));
    };
    if imported.escaper_mismatch {
        output::note(&format!(
            "{}: another escaper made its hashes; they are kept as they are",
            path.display()
        ));
    }
    let Imported { samples, samples_skipped, functions, families, .. } = imported;
    Ok(format!(
        "{samples} new samples with {functions} functions in {families} new families, {samples_skipped} known"
    ))
}

/// What a server says it did.
fn told(answer: &Value) -> String {
    let count = |name: &str| answer[name].as_u64().unwrap_or_default();
    if answer.is_null() {
        return "refused: its hashes cannot be compared with those of the corpus".to_owned();
    }
    format!(
        "{} new samples with {} functions in {} new families, {} known",
        count("num_samples_imported"),
        count("num_functions_imported"),
        count("num_families_imported"),
        count("num_samples_skipped")
    )
}
