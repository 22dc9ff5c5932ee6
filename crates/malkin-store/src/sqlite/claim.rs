//! The claim on a data directory: one process at a time, by a file lock that the system releases however the process ends.
//!
//! Who holds it is written to a second file, because on some systems a locked file cannot be read by others.

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
    holder: PathBuf,
    _lock: File,
}

impl Claim {
    /// Creates the directory if needed and claims it.
    pub(super) fn take(dir: &Path, note: &str) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|source| failure(dir, source))?;
        let path = dir.join(LOCK_FILE);
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|source| failure(&path, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: dir.to_owned(),
                    holder: read_note(&dir.join(HOLDER_FILE)),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failure(&path, source)),
        }
        let claim = Self { holder: dir.join(HOLDER_FILE), _lock: lock };
        claim.set_note(note)?;
        Ok(claim)
    }

    /// Replaces what others are told about the holder.
    pub(super) fn set_note(&self, note: &str) -> Result<(), StoreError> {
        fs::write(&self.holder, note).map_err(|source| failure(&self.holder, source))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A note left behind does no harm: it is only read while somebody holds the lock.
        let _ = fs::remove_file(&self.holder);
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
