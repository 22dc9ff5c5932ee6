//! `malkin import`: `.mcrit` files, and the database of the original triage service.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use malkin_service::{App, ImportError, Imported};
use malkin_wire::mcrit::McritError;

use crate::command::exit_code;
use crate::failure::Failure;
use crate::place::{self, Place};
use crate::remote::Remote;
use crate::shown::counted;
use crate::{input, output};

/// How a SQLite database begins.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Why an export is refused as a whole.
const INCOMPARABLE: &str = "its hashes cannot be compared with those of this corpus: it was made with other settings or another version";

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// `.mcrit` files, `analyses.db` of the original triage service, or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    place: place::Options,
}

/// Imports all files, one after the other.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let files = input::expand(&options.files)?;
    let place = options.place.open()?;
    let mut report =
        Report { progress: output::Progress::over(files.len()), since: Instant::now(), failed: 0 };
    match &place {
        Place::Local(app) => take_locally(app, &files, &mut report)?,
        Place::Remote(remote) => {
            for file in &files {
                report.show(file, take_remotely(remote, file))?;
            }
        }
    }
    Ok(exit_code(files.len() - report.failed, report.failed))
}

/// Progress of an import.
struct Report {
    progress: output::Progress,
    /// When the last file was done.
    since: Instant,
    failed: usize,
}

impl Report {
    fn show(&mut self, file: &Path, outcome: Result<String, Failure>) -> Result<(), Failure> {
        let seconds = self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
        match outcome {
            Ok(said) => output::line(&format!("{}: {said}, {seconds:.2} s", file.display()))?,
            Err(failure) => {
                output::error(&failure);
                self.failed += 1;
            }
        }
        self.progress.step();
        Ok(())
    }
}

/// Imports files into a data directory: `.mcrit` files that follow each other together, so that the next one is read while
/// one is stored.
fn take_locally(app: &App, files: &[PathBuf], report: &mut Report) -> Result<(), Failure> {
    let is_database: Vec<Result<bool, Failure>> = files.iter().map(|file| is_database(file)).collect();
    let mut files = files.iter().zip(is_database).peekable();
    while let Some((file, is_database)) = files.next() {
        match is_database {
            Err(failure) => report.show(file, Err(failure))?,
            Ok(true) => report.show(file, analyses(app, file))?,
            Ok(false) => {
                let mut exports = vec![file.as_path()];
                while let Some((file, _)) = files.next_if(|(_, kind)| matches!(kind, Ok(false))) {
                    exports.push(file);
                }
                corpora(app, &exports, report)?;
            }
        }
    }
    Ok(())
}

fn is_database(path: &Path) -> Result<bool, Failure> {
    let unreadable = |source| Failure::Read { path: path.to_owned(), source };
    let mut start = Vec::new();
    let file = input::open(path)?;
    file.take(SQLITE.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
    Ok(start == SQLITE)
}

fn take_remotely(remote: &Remote, path: &Path) -> Result<String, Failure> {
    if is_database(path)? {
        let cause = "analyses are imported into a data directory, not through a server";
        return Err(Failure::refused(path, cause.to_owned()));
    }
    let bytes = input::raw(path)?;
    let answer = remote.post("/import", &bytes)?;
    if answer.is_null() {
        return Err(Failure::refused(path, INCOMPARABLE));
    }
    let count = |name: &str| answer[name].as_u64().unwrap_or_default();
    Ok(amount(
        count("num_samples_imported"),
        count("num_functions_imported"),
        count("num_families_imported"),
        count("num_samples_skipped"),
    ))
}

fn analyses(app: &App, path: &Path) -> Result<String, Failure> {
    let (added, left_out) = app.triage.import_analyses(path)?;
    let noun = if added == 1 { "analysis" } else { "analyses" };
    Ok(format!("{added} new {noun}, {left_out} skipped"))
}

fn corpora(app: &App, paths: &[&Path], report: &mut Report) -> Result<(), Failure> {
    let mut outcome = Ok(());
    let mut paths_done = paths.iter();
    // The kind was checked when the beginning was read; what `open` refuses now has changed since.
    let sources = paths.iter().map(|path| move || input::open(path).map_err(std::io::Error::other));
    app.corpus.import_all(sources, |imported| {
        if let (Some(path), Ok(())) = (paths_done.next(), &outcome) {
            outcome = report.show(path, corpus(path, imported));
        }
    });
    outcome
}

fn corpus(path: &Path, imported: Result<Option<Imported>, ImportError>) -> Result<String, Failure> {
    let imported = imported.map_err(|error| match error {
        ImportError::Format(McritError::Io(source)) => Failure::Read { path: path.to_owned(), source },
        error => Failure::refused(path, error.to_string()),
    })?;
    let Some(imported) = imported else {
        return Err(Failure::refused(path, INCOMPARABLE));
    };
    if imported.escaper_mismatch {
        output::note(&format!(
            "{}: its hashes were made with another escaper; they are kept unchanged",
            path.display()
        ));
    }
    let Imported { samples, samples_skipped, functions, families, .. } = imported;
    Ok(amount(samples, functions, families, samples_skipped))
}

/// What was imported, in words.
fn amount(samples: u64, functions: u64, families: u64, known: u64) -> String {
    let (samples, functions) = (counted(samples, "new sample"), counted(functions, "function"));
    format!("{samples} with {functions} in {}, {known} known", counted(families, "new family"))
}
