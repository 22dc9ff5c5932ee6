//! `malkin disassemble`: the SMDA report of executables and memory dumps, several at a time. A run over a folder can be
//! taken up again: outputs that are there already are left alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use flate2::write::GzEncoder;
use malkin_report::{Report, Status};

use crate::command::exit_code;
use crate::failure::Failure;
use crate::input::{self, CodeOptions};
use crate::output::{self, Progress};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Executables, memory dumps, or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Write to this file (one input; compressed if it ends in .gz) or folder [default for one input: stdout]
    #[arg(long, short, value_name = "FILE or DIR")]
    output: Option<PathBuf>,

    /// Compress reports in the output folder
    #[arg(long)]
    gzip: bool,

    /// Number of inputs to process in parallel [default: number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,

    #[command(flatten)]
    code: CodeOptions,
}

/// An input and where its report goes.
struct Task {
    input: PathBuf,
    output: Option<PathBuf>,
}

/// Disassembles all files.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let tasks = plan(options)?;
    let progress = Progress::over(tasks.len());
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = options.jobs.map_or(cores, usize::from).min(tasks.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = disassemble(task, &options.code) {
                        output::error(&failure);
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    progress.step();
                }
            });
        }
    });
    let failed = failed.into_inner();
    Ok(exit_code(tasks.len() - failed, failed))
}

/// One input without output goes to stdout, one input with a file as output there, everything else below a folder under
/// the path it was found by.
fn plan(options: &Options) -> Result<Vec<Task>, Failure> {
    let single = options.files.len() == 1 && !options.files[0].is_dir();
    if single {
        let into_folder = options.output.as_ref().is_some_and(|output| output.is_dir());
        if !into_folder {
            return Ok(vec![Task { input: options.files[0].clone(), output: options.output.clone() }]);
        }
    }
    let Some(folder) = &options.output else {
        return Err(Failure::Other("several inputs need an output folder, see --output".to_owned()));
    };
    let extension = if options.gzip { "smda.gz" } else { "smda" };
    let mut tasks = Vec::new();
    for root in &options.files {
        for input in input::expand(std::slice::from_ref(root))? {
            let relative = match input.strip_prefix(root) {
                Ok(relative) if relative.components().next().is_some() => relative.to_owned(),
                _ => input.file_name().map(PathBuf::from).unwrap_or_default(),
            };
            let name = format!("{}.{extension}", relative.display());
            tasks.push(Task { input, output: Some(folder.join(name)) });
        }
    }
    Ok(tasks)
}

fn disassemble(task: &Task, code: &CodeOptions) -> Result<(), Failure> {
    // A finished output is whole, because it was renamed into place.
    if task.output.as_ref().is_some_and(|output| output.is_file()) {
        return Ok(());
    }
    let report = input::report(&task.input, code)?;
    if report.status == Status::Timeout {
        let input = task.input.display();
        output::note(&format!("{input}: time limit reached with {} functions", report.functions.len()));
    }
    match &task.output {
        None => output::json_text(&String::from_utf8_lossy(&malkin_wire::write_report(&report))),
        Some(path) => write(path, &report),
    }
}

fn write(path: &Path, report: &Report) -> Result<(), Failure> {
    let unwritable =
        |error: std::io::Error| Failure::Other(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let mut file = File::create(&partial).map_err(unwritable)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut encoder = GzEncoder::new(file, flate2::Compression::default());
        malkin_wire::write_report_to(report, &mut encoder).map_err(unwritable)?;
        encoder.finish().map_err(unwritable)?;
    } else {
        malkin_wire::write_report_to(report, &mut file).map_err(unwritable)?;
    }
    std::fs::rename(&partial, path).map_err(unwritable)
}
