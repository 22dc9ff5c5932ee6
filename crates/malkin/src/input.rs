//! Reading what a person points at: files, plain or gzip, within limits. Files come from hostile places, so
//! a compressed one may not grow beyond a multiple of its size.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use malkin_loader::{Buffer, Input};
use malkin_report::Report;
use malkin_service::{
    Clock, DEFAULT_TIME, DisassemblyOptions, IngestError, check_report_start, disassemble, read_report,
};
use malkin_wire::gzip;

use crate::failure::Failure;
pub(crate) use crate::files::{expand, open};
use crate::recognise;

/// Largest input taken in, in bytes after decompression.
const MAX_INPUT: u64 = 1 << 30;
/// A compressed input may reach this size at any ratio.
const FREE_INFLATED: u64 = 64 << 20;
/// Beyond that, the greatest ratio of decompressed to compressed size. SMDA reports compress about 5 to 10 times.
const MAX_RATIO: u64 = 64;
/// Compressed files below this size whose content is below the other are unpacked at once, which is faster than piece by piece.
const WHOLE_PACKED: u64 = 16 << 20;
const WHOLE_INFLATED: usize = 64 << 20;
/// Bytes read at a time.
const PIECE: u64 = 1 << 20;
/// A file this large is looked at before more of it is read, and again each time it has grown by a factor: a hostile file
/// costs a multiple of its sound part, at any size.
const FIRST_CHECK: u64 = 16 << 20;
const CHECK_GROWTH: u64 = 4;
/// Time the rules may take for one file.
const RULE_TIME: Duration = Duration::from_secs(20);
/// Largest file of rules, and all of them together, in bytes.
const MAX_RULES: u64 = 16 << 20;
const MAX_ALL_RULES: u64 = 256 << 20;

/// Reads the bytes of a file, decompressed if it is gzip (by content, not by name), into a buffer that may have been used
/// before; returns whether it was. `check` is shown what was read so far when that has grown to certain sizes, and may refuse the
/// rest.
fn read(path: &Path, check: Check<'_>, bytes: &mut Vec<u8>) -> Result<bool, Failure> {
    let unreadable = |source| Failure::Read { path: path.to_owned(), source };
    let (mut file, size) = source(path)?;
    let mut magic = [0; 2];
    let got = read_up_to(&mut file, &mut magic).map_err(unreadable)?;
    let source = std::io::Cursor::new(magic).take(got as u64).chain(file);
    if got == 2 && magic == [0x1f, 0x8b] {
        let limit = size.saturating_mul(MAX_RATIO).clamp(FREE_INFLATED, MAX_INPUT);
        let mut source = std::io::BufReader::new(source);
        let mut packed = Vec::new();
        source.by_ref().take(WHOLE_PACKED).read_to_end(&mut packed).map_err(unreadable)?;
        if (packed.len() as u64) < WHOLE_PACKED && gzip::unpack_whole(&packed, WHOLE_INFLATED, bytes) {
            return Ok(true);
        }
        let inflated = flate2::bufread::MultiGzDecoder::new(packed.chain(source));
        gather(path, inflated, limit, check, bytes).map_err(|failure| match failure {
            Failure::Read { source, .. } => Failure::refused(path, format!("damaged gzip data: {source}")),
            other => other,
        })?;
        return Ok(true);
    }
    if size > MAX_INPUT {
        return Err(Failure::refused(path, format!("{size} bytes exceed the limit of {MAX_INPUT}")));
    }
    gather(path, source, MAX_INPUT, check, bytes)?;
    Ok(false)
}

/// What a path means to a person: a file, or standard input for `-`, whose size is not known.
fn source(path: &Path) -> Result<(Box<dyn Read>, u64), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin()), 0));
    }
    let file = open(path)?;
    let size = file.metadata().map_err(|source| Failure::Read { path: path.to_owned(), source })?.len();
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
            return Err(Failure::refused(path, format!("exceeds the limit of {limit} bytes")));
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

    /// Time limit for disassembling a file, in seconds; the functions found by then are used
    #[arg(long, value_name = "S", default_value_t = DEFAULT_TIME.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

fn parse_address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|error| format!("{text} is not a hexadecimal address: {error}"))
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
    let (file, _) = source(path)?;
    let mut bytes = Vec::new();
    gather(path, file, MAX_INPUT, &|_| Ok(()), &mut bytes)?;
    Ok(bytes)
}

/// The YARA rules of a folder (`.yar`, `.yara`) or of one file, each file a namespace of its own. Files that do not compile are named
/// and left out; it is an error if there are no rules at all, or if they cannot be read.
pub(crate) fn rules(folder: &Path) -> Result<malkin_service::Rules, Failure> {
    let is_folder = std::fs::metadata(folder)
        .map_err(|source| Failure::Read { path: folder.to_owned(), source })?
        .is_dir();
    let is_rules = |path: &Path| {
        path.extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("yar") || end.eq_ignore_ascii_case("yara"))
    };
    let mut sources = Vec::new();
    let mut left = MAX_ALL_RULES;
    for path in expand(&[folder.to_owned()])?.into_iter().filter(|path| !is_folder || is_rules(path)) {
        let mut text = Vec::new();
        gather(&path, open(&path)?, MAX_RULES.min(left), &|_| Ok(()), &mut text)?;
        left -= text.len() as u64;
        let inside = path.strip_prefix(folder).ok().filter(|inside| !inside.as_os_str().is_empty());
        let name = inside.unwrap_or(&path).display().to_string();
        sources.push((name, String::from_utf8_lossy(&text).into_owned()));
    }
    if sources.is_empty() {
        return Err(Failure::refused(folder, "contains no YARA rule files (.yar or .yara)"));
    }
    let count = sources.len();
    let rules = malkin_service::Rules::compile(sources, RULE_TIME);
    for (name, cause) in &rules.refused {
        let first = cause.lines().next().unwrap_or_default();
        crate::output::note(&format!("warning: skipped {name}: {first}"));
    }
    if rules.refused.len() >= count {
        return Err(Failure::refused(folder, "none of its YARA rule files can be used"));
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
    let refused = |start: &[u8], error: IngestError, is_packed: bool| match error {
        // What does not even begin as a report is named as what it is.
        IngestError::NotJson(_) if !recognise::may_be_report(start) => {
            Failure::refused(path, recognise::no_code(start, is_packed))
        }
        IngestError::NotAReport(_) if recognise::is_export(start) => {
            Failure::refused(path, "is an export (.mcrit), not an SMDA report; `malkin import` takes it")
        }
        IngestError::NotAReport(cause) => {
            Failure::refused(path, format!("is JSON, but not an SMDA report: {cause}"))
        }
        source => Failure::Report { path: path.to_owned(), source },
    };
    let is_code = |start: &[u8]| code.is_dump() || recognise::is_executable(start);
    let check = |start: &[u8]| {
        if is_code(start) {
            Ok(())
        } else {
            check_report_start(start).map_err(|error| refused(start, error, false))
        }
    };
    let is_packed = read(path, &check, buffer)?;
    if !is_code(buffer) {
        return read_report(buffer).map_err(|error| refused(buffer, error, is_packed));
    }
    let report = disassemble(buffer, &code.for_file(path), &Clock::System).map_err(|error| {
        let cause =
            if code.is_dump() { error.to_string() } else { recognise::why_not(buffer, &error, is_packed) };
        Failure::refused(path, cause)
    })?;
    if !code.is_dump() {
        note_missing_end(path, buffer);
    }
    Ok(report)
}

/// Warns of an executable that ends before what its headers ask to load: its report looks like that of a whole file.
fn note_missing_end(path: &Path, bytes: &[u8]) {
    let present = bytes.len() as u64;
    if let Some(stated) = malkin_loader::stated_size(bytes).filter(|&stated| stated > present) {
        crate::output::note(&format!(
            "warning: {}: file is truncated, {present} of {stated} bytes present",
            path.display()
        ));
    }
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
        assert!(beyond.unwrap_err().to_string().contains("exceeds the limit of 9 bytes"));
    }

    #[test]
    fn large_files_are_refused_early() {
        let endless = std::io::repeat(b'[');
        let check = |start: &[u8]| match check_report_start(start) {
            Ok(()) => Ok(()),
            Err(source) => Err(Failure::Report { path: std::path::PathBuf::new(), source }),
        };
        let read = gather(Path::new("x"), endless, u64::MAX - 1, &check, &mut Vec::new());
        assert!(matches!(read, Err(Failure::Report { .. })));
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
        assert!(error.to_string().contains("is a zip archive"), "{error}");
        std::fs::write(&path, b"{\"a\": 1}").unwrap();
        let error = report(&path, &CodeOptions::default()).unwrap_err();
        assert!(error.to_string().contains("is JSON, but not an SMDA report"), "{error}");
    }

    #[test]
    fn rules_that_are_not_there_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let cause = |path: &Path| rules(path).err().unwrap().to_string();
        assert!(cause(&folder.path().join("none")).contains("none"));
        assert!(cause(folder.path()).contains("contains no YARA rule files"));
        let broken = folder.path().join("a.yar");
        std::fs::write(&broken, "rule {").unwrap();
        assert!(cause(folder.path()).contains("none of its YARA rule files"));
        std::fs::write(folder.path().join("b.YARA"), "rule b { condition: true }").unwrap();
        assert_eq!(rules(folder.path()).unwrap().refused.len(), 1);
        std::fs::write(&broken, "rule a { condition: true }").unwrap();
        assert!(rules(&broken).is_ok(), "a single file");
        std::fs::File::create(&broken).unwrap().set_len(MAX_RULES + 1).unwrap();
        assert!(cause(folder.path()).contains("exceeds the limit of"));
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
