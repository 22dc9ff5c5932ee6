//! Stored segments of the index: files in `index/` of the data directory, each an image and its checksum.
//!
//! A file is written under another name, synchronised and then renamed, so under its own name it is whole or not there. It
//! never changes after that. If anything is wrong with one - torn, flipped, foreign, of an older program - it is not used and its
//! samples are read again from the store, which is the truth.
//!
//! Files are read into memory and not mapped. The checksum reads every byte at the start anyway; a mapping would turn a failing
//! disk or a file cut off by others into a signal that ends the server, and needs unsafe code.
//!
//! Not here: what is in an image (`malkin-index`), when files are written and deleted (`upkeep`).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use malkin_index::checksum;
use malkin_store::{INDEX_EXTENSION, INDEX_FOLDER, INDEX_OWNER};

/// Folder below the data directory.
const FOLDER: &str = INDEX_FOLDER;
const EXTENSION: &str = INDEX_EXTENSION;
/// Extension while a file is written.
const UNFINISHED: &str = "unfinished";
/// Bytes of the checksum after the image: SHA-256.
const CHECKSUM: usize = 32;
/// Digits of a file's number, so that names sort as numbers do.
const DIGITS: usize = 10;

/// The folder of a data directory.
#[derive(Debug)]
pub(crate) struct SegmentFiles {
    folder: PathBuf,
}

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is shorter than a checksum.
    #[error("the file is cut off")]
    Short,
    /// Its bytes are not those that were written.
    #[error("checksum mismatch")]
    Checksum,
}

impl SegmentFiles {
    /// The folder below a data directory, created if needed. What an interrupted write left is removed.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let files = Self { folder };
        for path in files.paths()? {
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                fs::remove_file(path)?;
            }
        }
        Ok(files)
    }

    /// The folder below a data directory as it is, to read only; `None` if there is none.
    pub(crate) fn open_read_only(data: &Path) -> Option<Self> {
        let folder = data.join(FOLDER);
        folder.is_dir().then_some(Self { folder })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The identity of the database the segments were made from, if it was noted and can be read.
    pub(crate) fn owner(&self) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(INDEX_OWNER)).ok()?;
        u64::from_str_radix(text.trim(), 16).ok()
    }

    /// Notes the identity of the database the segments are made from.
    pub(crate) fn set_owner(&self, identity: u64) -> io::Result<()> {
        let (unfinished, path) =
            (self.folder.join(INDEX_OWNER).with_extension(UNFINISHED), self.folder.join(INDEX_OWNER));
        let mut file = File::create(&unfinished)?;
        file.write_all(format!("{identity:016x}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        sync_folder(&self.folder)
    }

    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(&self.folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    }

    /// Numbers of the files, ascending.
    pub(crate) fn labels(&self) -> io::Result<Vec<u64>> {
        let label = |path: PathBuf| {
            let is_segment = path.extension().is_some_and(|extension| extension == EXTENSION);
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            number.filter(|_| is_segment)
        };
        let mut labels: Vec<u64> = self.paths()?.into_iter().filter_map(label).collect();
        labels.sort_unstable();
        Ok(labels)
    }

    fn path(&self, label: u64, extension: &str) -> PathBuf {
        self.folder.join(format!("{label:0DIGITS$}.{extension}"))
    }

    /// Name of a file, for messages.
    pub(crate) fn name(label: u64) -> String {
        format!("{FOLDER}/{label:0DIGITS$}.{EXTENSION}")
    }

    /// Writes an image to a new file, which is on the disk when this returns. Returns its number.
    pub(crate) fn write(&self, image: &[u8]) -> Result<u64, FileError> {
        let label = self.labels()?.last().map_or(1, |last| last + 1);
        let (unfinished, path) = (self.path(label, UNFINISHED), self.path(label, EXTENSION));
        let written = write_to(&unfinished, image).and_then(|()| fs::rename(&unfinished, &path));
        if let Err(error) = written {
            // What is left is removed at the next start if not now.
            let _ = fs::remove_file(&unfinished);
            return Err(error.into());
        }
        sync_folder(&self.folder)?;
        Ok(label)
    }

    /// Reads the image of a file and checks every byte of it.
    pub(crate) fn read(&self, label: u64) -> Result<Vec<u8>, FileError> {
        let mut image = fs::read(self.path(label, EXTENSION))?;
        let end = image.len().checked_sub(CHECKSUM).ok_or(FileError::Short)?;
        let stored = image.split_off(end);
        if checksum(&image) == *stored { Ok(image) } else { Err(FileError::Checksum) }
    }

    /// Removes every file but those.
    pub(crate) fn retain(&self, labels: &[u64]) -> io::Result<()> {
        for label in self.labels()?.into_iter().filter(|label| !labels.contains(label)) {
            fs::remove_file(self.path(label, EXTENSION))?;
        }
        Ok(())
    }
}

fn write_to(path: &Path, image: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(image)?;
    file.write_all(&checksum(image))?;
    file.sync_all()
}

/// Makes a rename last.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
