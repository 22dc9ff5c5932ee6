//! What is measured on: data directories, and the executables and reports of a folder.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use malkin_loader::{Buffer, Input};
use malkin_report::Report;
use malkin_service::{App, Clock, DEFAULT_TIME, DisassemblyOptions, disassemble, read_report};
use malkin_store::{SqliteStore, Store};

use crate::failure::Failure;

/// Largest decompressed file, in bytes.
const MAX_INPUT: u64 = 1 << 30;

/// Opens a data directory; `holder` is the name that a second process sees.
pub(crate) fn open(data: &Path, holder: &str) -> Result<App, Failure> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data, holder)?);
    Ok(App::open_in(data, store, Clock::System)?)
}

/// As [`open`], for a directory that has to exist.
pub(crate) fn open_existing(data: &Path, holder: &str) -> Result<App, Failure> {
    if !data.is_dir() {
        return Err(Failure::file(data, "no such data directory"));
    }
    open(data, holder)
}

/// The files below a folder by name. Links to folders are not followed, so that no loop can be walked.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure::file(folder, error);
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder).map_err(unreadable)?.collect();
    let mut paths: Vec<_> = entries.map_err(unreadable)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_file() {
            files.push(path);
        } else if path.is_dir() && !path.is_symlink() {
            files.extend(files_below(&path)?);
        }
    }
    Ok(files)
}

/// How to read inputs that are no reports.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct CodeOptions {
    /// The files are memory dumps or raw code, not executables
    #[arg(long)]
    dump: bool,

    /// Address a dump is mapped at, for example 0x400000 [default: what its header says, else 0]
    #[arg(long, value_name = "HEX", value_parser = parse_address)]
    base_address: Option<u64>,

    /// Bitness of a dump [default: guessed]
    #[arg(long, value_name = "32|64", value_parser = clap::builder::PossibleValuesParser::new(["32", "64"]))]
    bitness: Option<String>,

    /// Time limit for disassembling a file, in seconds; the functions found by then are used
    #[arg(long, value_name = "S", default_value_t = DEFAULT_TIME.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

fn parse_address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|error| format!("{text} is not a hexadecimal address: {error}"))
}

/// A file as a report: read if it is JSON, else disassembled. Gzip is unpacked first.
pub(crate) fn report(path: &Path, code: &CodeOptions) -> Result<Report, Failure> {
    let mut bytes = std::fs::read(path).map_err(|error| Failure::file(path, error))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        let decoder = flate2::read::MultiGzDecoder::new(&bytes[..]);
        decoder.take(MAX_INPUT).read_to_end(&mut unpacked).map_err(|error| Failure::file(path, error))?;
        bytes = unpacked;
    }
    let is_dump = code.dump || code.base_address.is_some() || code.bitness.is_some();
    if !is_dump && bytes.trim_ascii_start().starts_with(b"{") {
        return read_report(&bytes).map_err(|error| Failure::file(path, error));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut options = DisassemblyOptions::file(&name);
    if is_dump {
        let bitness = code.bitness.as_deref().and_then(|text| text.parse().ok());
        options.load.input =
            Input::Buffer(Buffer { base_address: code.base_address, bitness, ..Buffer::default() });
    }
    options.time = Duration::from_secs(code.timeout);
    disassemble(&bytes, &options, &Clock::System).map_err(|error| Failure::file(path, error))
}
