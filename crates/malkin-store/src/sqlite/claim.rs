//! The claim on a data directory: one process that writes or several that read, by locks that the system releases however
//! the process ends.
//!
//! Two things are locked: the directory itself, which cannot be deleted while it holds files and can be locked where nothing
//! can be written, and the file `malkin.lock`, for systems and network file systems that lock no directories and for older
//! programs, which know only the file. Who holds the claim is written to a second file, because on some systems a locked
//! file cannot be read by others.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

const LOCK_FILE: &str = "malkin.lock";
const HOLDER_FILE: &str = "malkin.holder";

/// Longest note that is shown, in bytes.
const NOTE_LIMIT: u64 = 1000;

/// A claim; given up when dropped.
#[derive(Debug)]
pub(super) struct Claim {
    /// None for a claim to read: several may have one, and the directory may not be writable.
    holder: Option<PathBuf>,
    _locks: Vec<File>,
}

impl Claim {
    /// Creates the directory if needed and claims it for a process that writes.
    pub(super) fn take(dir: &Path, note: &str) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|source| failure(dir, source))?;
        let path = dir.join(LOCK_FILE);
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|source| failure(&path, source))?;
        judge(dir, &path, lock.try_lock())?;
        let mut locks = vec![lock];
        locks.extend(lock_directory(dir, File::try_lock)?);
        let claim = Self { holder: Some(dir.join(HOLDER_FILE)), _locks: locks };
        claim.set_note(note)?;
        Ok(claim)
    }

    /// Claims a directory for a process that reads; nothing is written.
    pub(super) fn share(dir: &Path) -> Result<Self, StoreError> {
        let mut locks: Vec<File> = lock_directory(dir, File::try_lock_shared)?.into_iter().collect();
        let path = dir.join(LOCK_FILE);
        match File::open(&path) {
            Ok(lock) => {
                judge(dir, &path, lock.try_lock_shared())?;
                locks.push(lock);
            }
            // A copy of a directory may lack the file, and it may belong to another user.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {}
            Err(source) => return Err(failure(&path, source)),
        }
        Ok(Self { holder: None, _locks: locks })
    }

    /// Replaces what others learn about the holder.
    pub(super) fn set_note(&self, note: &str) -> Result<(), StoreError> {
        let Some(holder) = &self.holder else { return Ok(()) };
        fs::write(holder, note).map_err(|source| failure(holder, source))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A note left behind does no harm: it is only read while somebody holds the lock.
        if let Some(holder) = &self.holder {
            let _ = fs::remove_file(holder);
        }
    }
}

/// Locks the directory itself, where the system can.
fn lock_directory(
    dir: &Path,
    lock: impl FnOnce(&File) -> Result<(), TryLockError>,
) -> Result<Option<File>, StoreError> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let file = File::open(dir).map_err(|source| failure(dir, source))?;
    match lock(&file) {
        // Some network file systems lock no directories; the file is locked as well.
        Err(TryLockError::Error(_)) => Ok(None),
        outcome => judge(dir, dir, outcome).map(|()| Some(file)),
    }
}

fn judge(dir: &Path, path: &Path, outcome: Result<(), TryLockError>) -> Result<(), StoreError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::InUse { path: dir.to_owned(), holder: read_note(&dir.join(HOLDER_FILE)) })
        }
        Err(TryLockError::Error(source)) => Err(failure(path, source)),
    }
}

fn read_note(path: &Path) -> Option<String> {
    let mut note = Vec::new();
    File::open(path).ok()?.take(NOTE_LIMIT).read_to_end(&mut note).ok()?;
    let note = String::from_utf8_lossy(&note).trim().to_owned();
    (!note.is_empty()).then_some(note)
}

fn failure(path: &Path, source: std::io::Error) -> StoreError {
    match source.kind() {
        ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded => StoreError::NotWritable(format!("{}: {source}", path.display())),
        _ => StoreError::Io { path: path.to_owned(), source },
    }
}
