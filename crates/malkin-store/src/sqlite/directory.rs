//! The files of a data directory: whether they belong together when it is opened, and whether they are still the same files
//! while it is in use.
//!
//! A database that is missing or empty beside its index or its log was moved away or lost. SQLite would create a new one and
//! remove the log, and the index would be emptied to match; so this is refused before SQLite sees the files.
//!
//! Not here: whether an index belongs to this very database (`malkin-service`), the lock (`claim`).

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::StoreError;

/// Name of the database in a data directory.
pub(super) const DATABASE: &str = "malkin.db";

/// Folder of the stored index in a data directory.
pub const INDEX_FOLDER: &str = "index";

/// File in [`INDEX_FOLDER`] that names the database the index was built from.
pub const INDEX_OWNER: &str = "database.id";

/// Extension of the files of the index.
pub const INDEX_EXTENSION: &str = "segment";

/// Refuses a directory whose database is missing or empty although other files show that there was one.
pub(super) fn refuse_lost_database(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(DATABASE);
    let state = match fs::metadata(&path) {
        Ok(metadata) if metadata.len() == 0 => "is empty",
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is missing",
        Err(source) => return Err(StoreError::Io { path, source }),
    };
    let log = with_suffix(&path, "-wal");
    if fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 0) {
        return Err(StoreError::Lost(format!(
            "{} {state}, but its log {} is there. Put the database back (from a backup, together with its log). \
             To start with an empty database, move {} away first",
            path.display(),
            log.display(),
            log.display(),
        )));
    }
    let index = dir.join(INDEX_FOLDER);
    if has_index(&index) {
        return Err(StoreError::Lost(format!(
            "{} {state}, but {} holds the index of a database. Put the database back or restore a backup. \
             To start with an empty database, remove {} first",
            path.display(),
            index.display(),
            index.display(),
        )));
    }
    Ok(())
}

fn has_index(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|extension| extension == INDEX_EXTENSION)
            || path.file_name().is_some_and(|name| name == INDEX_OWNER)
    })
}

/// A path with something appended to its last part.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Device and file number, by which a file is recognised whatever happens to its name.
type FileNumber = (u64, u64);

/// The files that were opened, to notice when their names lead to other files or to none.
///
/// SQLite keeps writing to files that were deleted or replaced. Such a commit is lost when the process ends.
#[derive(Debug)]
pub(super) struct OpenFiles {
    database: (PathBuf, Option<FileNumber>),
    /// The log is created by the first transaction.
    log: (PathBuf, OnceLock<FileNumber>),
}

impl OpenFiles {
    /// Remembers the files of a database that was just opened. The claim on the directory is held, so nothing of ours
    /// replaces them in between.
    pub(super) fn of(database: &Path) -> Self {
        let number = fs::metadata(database).ok().and_then(|metadata| file_number(&metadata));
        Self {
            database: (database.to_owned(), number),
            log: (with_suffix(database, "-wal"), OnceLock::new()),
        }
    }

    /// Two look-ups of a name, some microseconds.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if a file was deleted or replaced. Systems without file numbers notice only a missing one.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let (path, number) = &self.database;
        compare(path, *number)?;
        let (path, number) = &self.log;
        if let Some(number) = number.get() {
            return compare(path, Some(*number));
        }
        if let Some(found) = fs::metadata(path).ok().and_then(|metadata| file_number(&metadata)) {
            // Another thread may have been first; it saw the same file.
            let _ = number.set(found);
        }
        Ok(())
    }
}

fn compare(path: &Path, opened: Option<FileNumber>) -> Result<(), StoreError> {
    let lost = |what: &str| {
        Err(StoreError::Lost(format!(
            "{} was {what} while it was in use. Writes are refused because they would be lost. \
             Stop this process, put the file back or restore a backup, and start again",
            path.display()
        )))
    };
    match fs::metadata(path) {
        Ok(metadata) if opened.is_some() && file_number(&metadata) != opened => lost("replaced"),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => lost("deleted or moved"),
        Err(source) => Err(StoreError::Io { path: path.to_owned(), source }),
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
fn file_number(metadata: &Metadata) -> Option<FileNumber> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_number(_: &Metadata) -> Option<FileNumber> {
    None
}
