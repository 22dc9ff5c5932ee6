//! Reading what a person points at: files and folders, plain or gzip, within limits. Files come from hostile places, so
//! a compressed one may not grow beyond a multiple of its size.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use malkin_loader::{Buffer, Input};
use malkin_report::{Report, gzip};
use malkin_service::{Clock, DEFAULT_TIME, DisassemblyOptions, check_report_start, disassemble, read_report};

use crate::failure::Failure;

/// Largest input taken in, in bytes after decompression.
const MAX_INPUT: u64 = 1 << 30;
/// A compressed input may reach this size whatever its ratio.
const FREE_INFLATED: u64 = 64 << 20;
/// Beyond that, the greatest ratio of decompressed to compressed size. SMDA reports compress about 5 to 10 times.
const MAX_RATIO: u64 = 64;
/// Compressed files below this size whose content is below the other are unpacked at once, which is faster than piece by piece.
const WHOLE_PACKED: u64 = 16 << 20;
const WHOLE_INFLATED: usize = 64 << 20;
/// Bytes read at a time.
const PIECE: u64 = 1 << 20;
/// A file this large is looked at before more of it is read, and again each time it has grown by a factor: a hostile file
/// costs a multiple of its sound part, whatever its size.
const FIRST_CHECK: u64 = 16 << 20;
const CHECK_GROWTH: u64 = 4;
/// Deepest nesting of folders that is walked.
const MAX_DEPTH: usize = 32;

/// Files behind the arguments: files as they are, folders recursively in order of their names. Links to folders are not
/// followed.
pub(crate) fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        walk(path, MAX_DEPTH, &mut files)?;
    }
    Ok(files)
}

fn walk(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |source| Failure::Read { path: path.to_owned(), source };
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth == 0 {
        return Err(Failure::refused(path, format!("folders are nested deeper than {MAX_DEPTH} levels")));
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        entries.push((entry.path(), entry.file_type().map_err(unreadable)?));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (entry, kind) in entries {
        if kind.is_dir() {
            walk(&entry, depth - 1, files)?;
        } else if kind.is_file() || entry.is_file() {
            files.push(entry);
        }
    }
    Ok(())
}

/// Reads the bytes of a file, decompressed if it is gzip (by content, not by name), into a buffer that may have been used
/// before. `check` is shown what was read so far when that has grown to certain sizes, and may refuse the rest.
fn read(path: &Path, check: Check<'_>, bytes: &mut Vec<u8>) -> Result<(), Failure> {
    let unreadable = |source| Failure::Read { path: path.to_owned(), source };
    let (mut file, size) = open(path).map_err(unreadable)?;
    let mut magic = [0; 2];
    let got = read_up_to(&mut file, &mut magic).map_err(unreadable)?;
    let source = std::io::Cursor::new(magic).take(got as u64).chain(file);
    if got == 2 && magic == [0x1f, 0x8b] {
        let limit = size.saturating_mul(MAX_RATIO).clamp(FREE_INFLATED, MAX_INPUT);
        let mut source = std::io::BufReader::new(source);
        let mut packed = Vec::new();
        source.by_ref().take(WHOLE_PACKED).read_to_end(&mut packed).map_err(unreadable)?;
        if (packed.len() as u64) < WHOLE_PACKED && gzip::unpack_whole(&packed, WHOLE_INFLATED, bytes) {
            return Ok(());
        }
        let inflated = flate2::bufread::MultiGzDecoder::new(packed.chain(source));
        return gather(path, inflated, limit, check, bytes).map_err(|failure| match failure {
            Failure::Read { source, .. } => Failure::refused(path, format!("damaged gzip data: {source}")),
            other => other,
        });
    }
    if size > MAX_INPUT {
        return Err(Failure::refused(path, format!("{size} bytes are more than the limit of {MAX_INPUT}")));
    }
    gather(path, source, MAX_INPUT, check, bytes)
}

/// What a path means to a person: a file, or standard input for `-`, whose size is not known.
fn open(path: &Path) -> std::io::Result<(Box<dyn Read>, u64)> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin()), 0));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok((Box::new(file), size))
}

/// Says whether what was read so far may go on.
type Check<'a> = &'a dyn Fn(&[u8]) -> Result<(), Failure>;

/// Reads to the end, piece by piece. The size of a file is no reason to reserve memory: a sparse file can state any.
fn gather(
    path: &Path,
    mut source: impl Read,
    limit: u64,
    check: Check<'_>,
    bytes: &mut Vec<u8>,
) -> Result<(), Failure> {
    bytes.clear();
    let mut next_check = FIRST_CHECK;
    loop {
        let room = (limit + 1).saturating_sub(bytes.len() as u64).min(PIECE);
        let got = source
            .by_ref()
            .take(room)
            .read_to_end(bytes)
            .map_err(|source| Failure::Read { path: path.to_owned(), source })?;
        if bytes.len() as u64 > limit {
            return Err(Failure::refused(path, format!("is larger than {limit} bytes when read")));
        }
        if got == 0 {
            return Ok(());
        }
        if bytes.len() as u64 >= next_check {
            check(bytes)?;
            next_check = next_check.saturating_mul(CHECK_GROWTH);
        }
    }
}

fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read(&mut buffer[got..])? {
            0 => break,
            more => got += more,
        }
    }
    Ok(got)
}

/// Options that say how an input that is no report is to be read.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct CodeOptions {
    /// The files are memory dumps or raw code, not executables
    #[arg(long)]
    pub(crate) dump: bool,

    /// Address a dump is mapped at, for example 0x400000 [default: what its header says, else 0]
    #[arg(long, value_name = "HEX", value_parser = parse_address)]
    pub(crate) base_address: Option<u64>,

    /// Bitness of a dump [default: guessed]
    #[arg(long, value_name = "32|64", value_parser = clap::builder::PossibleValuesParser::new(["32", "64"]))]
    pub(crate) bitness: Option<String>,

    /// Seconds a file may be disassembled; what was found by then is used
    #[arg(long, value_name = "S", default_value_t = DEFAULT_TIME.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

fn parse_address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|error| format!("{text} is no hexadecimal address: {error}"))
}

impl CodeOptions {
    fn is_dump(&self) -> bool {
        self.dump || self.base_address.is_some() || self.bitness.is_some()
    }

    fn for_file(&self, path: &Path) -> DisassemblyOptions {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut options = DisassemblyOptions::file(&name);
        if self.is_dump() {
            let bitness = self.bitness.as_deref().and_then(|text| text.parse().ok());
            let buffer = Buffer { base_address: self.base_address, bitness, ..Buffer::default() };
            options.load.input = Input::Buffer(buffer);
        }
        options.time = Duration::from_secs(self.timeout);
        options
    }
}

/// The bytes of a file as they are, within the limit for inputs.
pub(crate) fn raw(path: &Path) -> Result<Vec<u8>, Failure> {
    let (file, _) = open(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
    let mut bytes = Vec::new();
    gather(path, file, MAX_INPUT, &|_| Ok(()), &mut bytes)?;
    Ok(bytes)
}

/// Time the rules may take for one file.
const RULE_TIME: Duration = Duration::from_secs(20);
/// Largest file of rules, in bytes.
const MAX_RULES: u64 = 16 << 20;

/// The YARA rules of a folder (`.yar`, `.yara`), each file a namespace of its own. Files that do not compile are named and left
/// out.
pub(crate) fn rules(folder: &Path) -> Result<malkin_service::Rules, Failure> {
    let mut sources = Vec::new();
    for path in expand(&[folder.to_owned()])? {
        let is_rules = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("yar") || end.eq_ignore_ascii_case("yara"));
        if is_rules {
            let unreadable = |source| Failure::Read { path: path.clone(), source };
            let mut text = Vec::new();
            File::open(&path)
                .map_err(unreadable)?
                .take(MAX_RULES)
                .read_to_end(&mut text)
                .map_err(unreadable)?;
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            sources.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
    }
    let rules = malkin_service::Rules::compile(sources, RULE_TIME);
    for (name, cause) in &rules.refused {
        let first = cause.lines().next().unwrap_or_default();
        crate::output::note(&format!("warning: {name} is left out: {first}"));
    }
    Ok(rules)
}

/// A file as a report: read if it is one, disassembled if it is an executable (or declared a dump).
pub(crate) fn report(path: &Path, code: &CodeOptions) -> Result<Report, Failure> {
    report_through(&mut Vec::new(), path, code)
}

/// As [`report`], for many files in a row: memory that the system would have to clear for each is used again.
pub(crate) fn report_through(
    buffer: &mut Vec<u8>,
    path: &Path,
    code: &CodeOptions,
) -> Result<Report, Failure> {
    let not_a_report = |source| Failure::Report { path: path.to_owned(), source };
    let is_code = |start: &[u8]| code.is_dump() || is_executable(start);
    let check =
        |start: &[u8]| if is_code(start) { Ok(()) } else { check_report_start(start).map_err(not_a_report) };
    read(path, &check, buffer)?;
    if is_code(buffer) {
        let report = disassemble(buffer, &code.for_file(path), &Clock::System);
        return report.map_err(|error| Failure::refused(path, error.to_string()));
    }
    read_report(buffer).map_err(not_a_report)
}

/// Formats the loader knows by their first bytes; everything else is taken for a report.
fn is_executable(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [b'M', b'Z', ..]
            | [0x7f, b'E', b'L', b'F', ..]
            | [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..]
            | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..]
            | [b'd', b'e', b'x', b'\n', ..]
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_recognised_by_content_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        std::fs::write(&path, gzip(b"{}")).unwrap();
        let mut bytes = b"what was there before".to_vec();
        read(&path, &|_| Ok(()), &mut bytes).unwrap();
        assert_eq!(bytes, b"{}");
        let mut truncated = gzip(&vec![b'1'; 100_000]);
        truncated.truncate(60);
        std::fs::write(&path, truncated).unwrap();
        assert!(read(&path, &|_| Ok(()), &mut bytes).unwrap_err().to_string().contains("damaged gzip data"));
        let beyond = gather(&path, &b"0123456789"[..], 9, &|_| Ok(()), &mut bytes);
        assert!(beyond.unwrap_err().to_string().contains("larger than 9 bytes"));
    }

    #[test]
    fn large_files_are_refused_early() {
        let endless = std::io::repeat(b'[');
        let check = |start: &[u8]| match check_report_start(start) {
            Ok(()) => Ok(()),
            Err(source) => Err(Failure::Report { path: PathBuf::new(), source }),
        };
        let read = gather(Path::new("x"), endless, u64::MAX - 1, &check, &mut Vec::new());
        assert!(matches!(read, Err(Failure::Report { .. })));
    }

    #[test]
    fn folders_are_walked_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.json", "a/2.json", "a/1.json"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let files = expand(&[folder.path().to_owned()]).unwrap();
        let names: Vec<_> =
            files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a/1.json", "a/2.json", "b.json"]);
    }

    #[test]
    fn executables_are_told_from_reports() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.exe");
        std::fs::write(&path, b"MZ\x90\x00").unwrap();
        let error = report(&path, &CodeOptions::default()).unwrap_err();
        assert!(matches!(error, Failure::Refused { .. }), "{error}");
        std::fs::write(&path, b"PK\x03\x04").unwrap();
        let error = report(&path, &CodeOptions::default()).unwrap_err();
        assert!(matches!(error, Failure::Report { .. }), "{error}");
    }

    #[test]
    fn dumps_are_read_as_declared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.bin");
        std::fs::write(&path, b"\x55\x8b\xec\x5d\xc3").unwrap();
        let code = CodeOptions {
            base_address: Some(0x1000),
            bitness: Some("32".to_owned()),
            timeout: 60,
            ..CodeOptions::default()
        };
        let report = report(&path, &code).unwrap();
        assert_eq!((report.base_addr, report.bitness), (Some(0x1000), Some(32)));
        assert_eq!(report.functions.len(), 1);
        assert_eq!(parse_address("0x40"), Ok(64));
        assert!(parse_address("zz").is_err());
    }
}
