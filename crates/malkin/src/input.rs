//! Reading what a person points at: files and folders, plain or gzip, within limits. Files come from hostile places, so
//! a compressed one may not grow beyond a multiple of its size.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use malkin_report::Report;
use malkin_service::{check_report_start, read_report};

use crate::failure::Failure;

/// Largest input taken in, in bytes after decompression.
const MAX_INPUT: u64 = 1 << 30;
/// A compressed input may reach this size whatever its ratio.
const FREE_INFLATED: u64 = 64 << 20;
/// Beyond that, the greatest ratio of decompressed to compressed size. SMDA reports compress about 5 to 10 times.
const MAX_RATIO: u64 = 64;
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

/// Bytes of a file, decompressed if it is gzip (by content, not by name). `check` is shown what was read so far when that
/// has grown to certain sizes, and may refuse the rest.
fn read(path: &Path, check: Check<'_>) -> Result<Vec<u8>, Failure> {
    let unreadable = |source| Failure::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut magic = [0; 2];
    let got = read_up_to(&mut file, &mut magic).map_err(unreadable)?;
    let source = std::io::Cursor::new(magic).take(got as u64).chain(file);
    if got == 2 && magic == [0x1f, 0x8b] {
        let limit = size.saturating_mul(MAX_RATIO).clamp(FREE_INFLATED, MAX_INPUT);
        let inflated = flate2::bufread::MultiGzDecoder::new(std::io::BufReader::new(source));
        return gather(path, inflated, limit, check).map_err(|failure| match failure {
            Failure::Read { source, .. } => Failure::refused(path, format!("damaged gzip data: {source}")),
            other => other,
        });
    }
    if size > MAX_INPUT {
        return Err(Failure::refused(path, format!("{size} bytes are more than the limit of {MAX_INPUT}")));
    }
    gather(path, source, MAX_INPUT, check)
}

/// Says whether what was read so far may go on.
type Check<'a> = &'a dyn Fn(&[u8]) -> Result<(), Failure>;

/// Reads to the end, piece by piece. The size of a file is no reason to reserve memory: a sparse file can state any.
fn gather(path: &Path, mut source: impl Read, limit: u64, check: Check<'_>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut next_check = FIRST_CHECK;
    loop {
        let room = (limit + 1).saturating_sub(bytes.len() as u64).min(PIECE);
        let got = source
            .by_ref()
            .take(room)
            .read_to_end(&mut bytes)
            .map_err(|source| Failure::Read { path: path.to_owned(), source })?;
        if bytes.len() as u64 > limit {
            return Err(Failure::refused(path, format!("is larger than {limit} bytes when read")));
        }
        if got == 0 {
            return Ok(bytes);
        }
        if bytes.len() as u64 >= next_check {
            check(&bytes)?;
            next_check = next_check.saturating_mul(CHECK_GROWTH);
        }
    }
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read(&mut buffer[got..])? {
            0 => break,
            more => got += more,
        }
    }
    Ok(got)
}

/// Reads a file as a report. Executables are recognised and named.
pub(crate) fn report(path: &Path) -> Result<Report, Failure> {
    let not_a_report = |source| Failure::Report { path: path.to_owned(), source };
    let bytes = read(path, &|start| check_report_start(start).map_err(not_a_report))?;
    parse_report(path, &bytes)
}

/// Reads bytes of a file as a report.
pub(crate) fn parse_report(path: &Path, bytes: &[u8]) -> Result<Report, Failure> {
    if let Some(kind) = executable_kind(bytes) {
        let what =
            format!("is {kind}; this version takes SMDA reports only, disassemble the file with SMDA first");
        return Err(Failure::refused(path, what));
    }
    read_report(bytes).map_err(|source| Failure::Report { path: path.to_owned(), source })
}

fn executable_kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'M', b'Z', ..] => Some("a PE executable"),
        [0x7f, b'E', b'L', b'F', ..] => Some("an ELF executable"),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => {
            Some("a Mach-O executable")
        }
        [b'd', b'e', b'x', b'\n', ..] => Some("a DEX file"),
        [b'P', b'K', 3, 4, ..] => Some("a ZIP archive"),
        _ => None,
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
        assert_eq!(read(&path, &|_| Ok(())).unwrap(), b"{}");
        let mut truncated = gzip(&vec![b'1'; 100_000]);
        truncated.truncate(60);
        std::fs::write(&path, truncated).unwrap();
        assert!(read(&path, &|_| Ok(())).unwrap_err().to_string().contains("damaged gzip data"));
        let beyond = gather(&path, &b"0123456789"[..], 9, &|_| Ok(()));
        assert!(beyond.unwrap_err().to_string().contains("larger than 9 bytes"));
    }

    #[test]
    fn large_files_are_refused_early() {
        let endless = std::io::repeat(b'[');
        let check = |start: &[u8]| match check_report_start(start) {
            Ok(()) => Ok(()),
            Err(source) => Err(Failure::Report { path: PathBuf::new(), source }),
        };
        assert!(matches!(gather(Path::new("x"), endless, u64::MAX - 1, &check), Err(Failure::Report { .. })));
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
    fn executables_are_named() {
        let error = parse_report(Path::new("x"), b"MZ\x90\x00").unwrap_err();
        assert!(error.to_string().contains("a PE executable"), "{error}");
    }
}
