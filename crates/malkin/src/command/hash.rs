//! `malkin hash`: the hashes of every function of a file, one JSON line each, in ascending order of their address.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use malkin_codehash::{HashError, HashPath, MinHasher, SampleContext, Scratch, hash_function_in};
use malkin_report::Report;

use crate::command::exit_code;
use crate::failure::Failure;
use crate::{input, output};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// SMDA reports (also .gz) and executables, or folders of them; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    code: input::CodeOptions,
}

/// Hashes all files.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let files = input::expand(&options.files)?;
    let hasher = MinHasher::default();
    let mut failed = 0;
    let mut buffer = Vec::new();
    for file in &files {
        let lines = input::report_through(&mut buffer, file, &options.code).and_then(|report| {
            lines(&report, &hasher).map_err(|error| Failure::refused(file, error.to_string()))
        });
        match lines {
            Ok(lines) => output::data(&lines)?,
            Err(failure) => {
                output::error(&failure);
                failed += 1;
            }
        }
    }
    Ok(exit_code(files.len() - failed, failed))
}

fn lines(report: &Report, hasher: &MinHasher) -> Result<String, HashError> {
    let context = SampleContext::of(report);
    let mut text = String::new();
    let mut scratch = Scratch::new();
    for function in &report.functions {
        let hashes = hash_function_in(function, &context, hasher, HashPath::Server, &mut scratch)?;
        if let Some(error) = hashes.unsigned {
            output::note(&format!("warning: {error}"));
        }
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            r#"{{"offset": {}, "num_instructions": {}, "num_blocks": {}, "pichash": {}, "minhash": "{}"}}"#,
            function.offset.get(),
            function.num_instructions(),
            function.num_blocks(),
            hashes.pichash.map_or_else(|| "null".to_owned(), |hash| hash.get().to_string()),
            hashes.minhash.to_hex(),
        );
    }
    Ok(text)
}
