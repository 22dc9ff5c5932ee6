//! Files and folders that a person names: walked within bounds, and opened only if they are regular files. A pipe, a socket or a
//! device could make a command wait for ever, or read for ever, and in a folder of strangers anything may lie.

use std::fs::{File, FileType, OpenOptions};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::output;
use crate::shown::counted;

/// Deepest nesting of folders that is walked.
const MAX_DEPTH: usize = 32;
/// What a folder holds besides files is named up to this number, then counted.
const NAMED: usize = 10;

/// The files that some paths lead to: files as they are, folders recursively in order of their names. Links inside of folders are
/// followed to files but not to folders, so that no loop can be walked; what is no file is skipped, with a line on stderr.
pub(crate) fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut walk = Walk { files: Vec::new(), skipped: 0 };
    for path in paths {
        if path.is_dir() {
            walk.folder(path, MAX_DEPTH)?;
        } else {
            walk.files.push(path.clone());
        }
    }
    if walk.skipped > NAMED {
        output::note(&format!("skipped: {} besides these", counted((walk.skipped - NAMED) as u64, "entry")));
    }
    Ok(walk.files)
}

struct Walk {
    files: Vec<PathBuf>,
    skipped: usize,
}

impl Walk {
    fn folder(&mut self, path: &Path, depth: usize) -> Result<(), Failure> {
        let unreadable = |source| Failure::Read { path: path.to_owned(), source };
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
                self.folder(&entry, depth - 1)?;
                continue;
            }
            match std::fs::metadata(&entry).map(|target| target.file_type()) {
                Ok(target) if target.is_file() => self.files.push(entry),
                Ok(target) if target.is_dir() => self.skip(&entry, "a link to a folder"),
                Ok(target) => self.skip(&entry, name(target)),
                Err(_) if kind.is_symlink() => self.skip(&entry, "a broken link"),
                // Opening it will say why it cannot be read.
                Err(_) => self.files.push(entry),
            }
        }
        Ok(())
    }

    fn skip(&mut self, path: &Path, what: &str) {
        self.skipped += 1;
        if self.skipped <= NAMED {
            output::note(&format!("skipped: {} is {what}", path.display()));
        }
    }
}

/// Opens a regular file for reading. Everything else is refused with its kind.
pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    let unreadable = |source| Failure::Read { path: path.to_owned(), source };
    let check = |kind: FileType| if kind.is_file() { Ok(()) } else { Err(refused(path, kind)) };
    // Opening some devices has an effect, so the kind is looked at before; and after it, because the path may lead elsewhere by then.
    check(std::fs::metadata(path).map_err(unreadable)?.file_type())?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Neither a pipe that was put in place of the file nor a log of the kernel below /proc may make us wait.
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path).map_err(unreadable)?;
    check(file.metadata().map_err(unreadable)?.file_type())?;
    Ok(file)
}

fn refused(path: &Path, kind: FileType) -> Failure {
    let kind = name(kind);
    let advice =
        if kind == "a FIFO" { "; to read from it, redirect it to standard input and pass -" } else { "" };
    Failure::refused(path, format!("is {kind}, not a file{advice}"))
}

/// Words for what is no regular file.
fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a FIFO";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() { "a folder" } else { "a special file" }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[cfg(unix)]
    #[test]
    fn only_files_are_opened_and_loops_are_not_walked() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        symlink(folder.path(), at("loop")).unwrap();
        symlink(at("itself"), at("itself")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(expand(&[folder.path().to_owned()]).unwrap(), [at("file"), at("link")]);
        let cause = |path: &Path| open(path).unwrap_err().to_string();
        assert!(cause(&at("socket")).contains("is a socket, not a file"));
        assert!(cause(Path::new("/dev/zero")).contains("is a device, not a file"));
        assert!(cause(folder.path()).contains("is a folder, not a file"));
        assert!(cause(&at("none")).starts_with("cannot read"));
        assert!(open(&at("link")).is_ok());
    }
}
