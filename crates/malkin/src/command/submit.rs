//! `malkin submit`: store SMDA reports, several at a time.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use clap::Args;
use malkin_report::Report;
use malkin_service::{App, Ingested, Submitted, ingest};

use crate::command::exit_code;
use crate::failure::Failure;
use crate::input;
use crate::output::{self, Progress};
use crate::place::{self, Place};
use crate::shown::counted;

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// SMDA reports (also .gz), executables, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Family of all samples [default: from each report]
    #[arg(long, short, value_name = "NAME")]
    family: Option<String>,

    /// Version of all samples [default: from each report]
    #[arg(long, value_name = "TEXT")]
    version: Option<String>,

    /// Component of all samples [default: from each report]
    #[arg(long, value_name = "TEXT")]
    component: Option<String>,

    /// Mark the samples as library code
    #[arg(long)]
    library: bool,

    /// File name of the sample, for a single file or standard input [default: name of the file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Also store the executables, so that YARA rules can be tested on them (`malkin blocks --check`)
    #[arg(long)]
    keep: bool,

    #[command(flatten)]
    code: input::CodeOptions,

    #[command(flatten)]
    place: place::Options,
}

impl Options {
    fn apply(&self, report: &mut Report) {
        let metadata = &mut report.metadata;
        let set = |field: &mut String, value: &Option<String>| {
            if let Some(value) = value {
                field.clone_from(value);
            }
        };
        set(&mut metadata.family, &self.family);
        set(&mut metadata.version, &self.version);
        set(&mut metadata.component, &self.component);
        set(&mut metadata.filename, &self.name);
        metadata.is_library |= self.library;
    }
}

/// Files are read and hashed side by side but stored in their order, so that the same folder always gets the same numbers.
#[derive(Default)]
struct Turn {
    next: Mutex<usize>,
    changed: Condvar,
}

impl Turn {
    /// Waits until all files before this one are stored or have failed.
    fn wait_for(&self, number: usize) {
        // The number is valid even if a thread panicked while it held the lock.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        while *next < number {
            next = self.changed.wait(next).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn pass_on(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }
}

#[derive(Default)]
struct Tally {
    new: AtomicUsize,
    known: AtomicUsize,
    functions: AtomicUsize,
    failed: AtomicUsize,
}

/// Stores all files.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let files = input::expand(&options.paths)?;
    if options.name.is_some() && files.len() != 1 {
        return Err(Failure::Other(format!("--name needs a single file, found {}", files.len())));
    }
    let place = options.place.open()?;
    if options.keep && matches!(place, Place::Remote(_)) {
        let cause = "--keep is for a data directory; a server keeps what is sent to POST /samples/binary";
        return Err(Failure::Other(cause.to_owned()));
    }
    let started = Instant::now();
    let progress = Progress::over(files.len());
    let tally = Tally::default();
    let next = AtomicUsize::new(0);
    let turn = Turn::default();
    let threads =
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(files.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(number) else { break };
                    let prepared = prepare(options, &place, file);
                    turn.wait_for(number);
                    let outcome = prepared.and_then(|store| store());
                    turn.pass_on();
                    match outcome {
                        Ok((true, functions)) => {
                            tally.new.fetch_add(1, Ordering::Relaxed);
                            tally.functions.fetch_add(functions, Ordering::Relaxed);
                        }
                        Ok((false, _)) => {
                            tally.known.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(failure) => {
                            output::error(&failure);
                            tally.failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    progress.step();
                }
            });
        }
    });
    let failed = tally.failed.into_inner();
    output::line(&format!(
        "{} with {}, {} known, {failed} failed, {:.2} s",
        counted(tally.new.into_inner() as u64, "new sample"),
        counted(tally.functions.into_inner() as u64, "function"),
        tally.known.into_inner(),
        started.elapsed().as_secs_f64()
    ))?;
    Ok(exit_code(files.len() - failed, failed))
}

/// What is left to do with a file once it was read and hashed; answers whether the sample is new, and its functions.
type Store<'a> = Box<dyn FnOnce() -> Result<(bool, usize), Failure> + 'a>;

fn prepare<'a>(options: &Options, place: &'a Place, file: &'a Path) -> Result<Store<'a>, Failure> {
    let mut report = input::report(file, &options.code)?;
    options.apply(&mut report);
    match place {
        Place::Local(app) => {
            let ingested = ingest(report, app.corpus.hasher());
            let ingested = ingested.map_err(|source| Failure::Report { path: file.to_owned(), source })?;
            let executable = if options.keep { executable(file, &ingested.sample.sha256)? } else { None };
            Ok(Box::new(move || {
                let outcome = store(app, file, &ingested)?;
                if let Some(bytes) = executable {
                    app.corpus.store().keep_file(&bytes, app.corpus.now())?;
                }
                Ok(outcome)
            }))
        }
        Place::Remote(remote) => {
            let functions = report.functions.len();
            let body = malkin_wire::write_report_compact(&report);
            Ok(Box::new(move || {
                let answer = remote.post("/samples", &body)?;
                Ok((answer["existed"] == false, functions))
            }))
        }
    }
}

/// The bytes of a file if they are the sample itself, and not a report of it or packed.
fn executable(file: &Path, sha256: &str) -> Result<Option<Vec<u8>>, Failure> {
    if file == Path::new("-") {
        return Ok(None);
    }
    let bytes = input::raw(file)?;
    Ok((malkin_service::sha256_hex(&bytes) == sha256).then_some(bytes))
}

fn store(app: &App, file: &Path, ingested: &Ingested) -> Result<(bool, usize), Failure> {
    let Submitted { job, unhashed, .. } = app.submit(ingested, &username())?;
    if unhashed > 0 {
        let file = file.display();
        output::note(&format!(
            "{file}: stored without signature because hashing failed: {}",
            counted(unhashed as u64, "function")
        ));
    }
    Ok((job.is_some(), ingested.sample.functions.len()))
}

/// Author of labels: the current user.
fn username() -> String {
    ["USER", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "anonymous".to_owned())
}
