//! `malkin hash`: the hashes of every function of a file, one JSON line each, in ascending order of their address; of a
//! `.mcrit` file sample after sample, in memory for one sample.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use malkin_codehash::{HashError, HashPath, MinHasher, SampleContext, Scratch, hash_function_in};
use malkin_report::{Function, ImageRange};
use malkin_wire::mcrit::{McritReader, SampleRecord};

use crate::command::exit_code;
use crate::failure::Failure;
use crate::{input, output};

/// Options of the command.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// SMDA reports (also .gz), executables, .mcrit files, or folders of them; - for standard input
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
        if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mcrit")) {
            if let Err(failure) = exported(file, &hasher) {
                output::error(&failure);
                failed += 1;
            }
            continue;
        }
        let lines = input::report_through(&mut buffer, file, &options.code).and_then(|report| {
            lines(&report.functions, &SampleContext::of(&report), &hasher)
                .map_err(|error| Failure::refused(file, error.to_string()))
        });
        match lines {
            Ok(lines) => output::json_text(&lines)?,
            Err(failure) => {
                output::error(&failure);
                failed += 1;
            }
        }
    }
    Ok(exit_code(files.len() - failed, failed))
}

/// Hashes the functions of a `.mcrit` file from their disassembly; the hashes in the file are ignored.
fn exported(file: &Path, hasher: &MinHasher) -> Result<(), Failure> {
    let source = input::open(file)?;
    let refused = |error: &dyn std::fmt::Display| Failure::refused(file, error.to_string());
    let mut reader = McritReader::open(source).map_err(|error| refused(&error))?;
    while let Some(SampleRecord { sample, functions: records }) =
        reader.next_sample().map_err(|error| refused(&error))?
    {
        let mut dropped = 0;
        let mut functions = Vec::with_capacity(records.len());
        for record in records {
            let text = record.xcfg.as_ref().map_or("{}", |text| text.get());
            if text.trim_matches(['{', '}', ' ', '\n']).is_empty() {
                dropped += 1;
                continue;
            }
            functions
                .push(malkin_wire::function_from_json(text.as_bytes()).map_err(|error| refused(&error))?);
        }
        functions.sort_by_key(|function| function.offset);
        if dropped > 0 {
            output::note(&format!(
                "{}: sample {}: {dropped} functions have no disassembly and cannot be hashed",
                file.display(),
                sample.sha256
            ));
        }
        // A size of 0 stands for an image that is not known.
        let image =
            (sample.binary_size > 0).then(|| ImageRange::new(sample.base_addr.get(), sample.binary_size));
        let context =
            SampleContext { architecture: sample.architecture.clone(), image, bitness: sample.bitness };
        output::json_text(&lines(&functions, &context, hasher).map_err(|error| refused(&error))?)?;
    }
    Ok(())
}

fn lines(functions: &[Function], context: &SampleContext, hasher: &MinHasher) -> Result<String, HashError> {
    let mut text = String::new();
    let mut scratch = Scratch::new();
    for function in functions {
        let hashes = hash_function_in(function, context, hasher, HashPath::Server, &mut scratch)?;
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
