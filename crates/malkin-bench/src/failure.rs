//! Why a measurement failed.

use std::path::{Path, PathBuf};

use malkin_service::{IngestError, ServiceError};
use malkin_store::StoreError;

/// Failure of a measurement or of one of its inputs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A file or folder cannot be used.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A report cannot be read or hashed.
    #[error(transparent)]
    Report(#[from] IngestError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A use case.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The measured server answered with an error.
    #[error("{0}")]
    Remote(String),
    /// The measured server no longer has the record or job.
    #[error("{0}")]
    Gone(String),
    /// Anything else, said in full.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// Something is wrong with a file.
    pub(crate) fn file(path: &Path, what: impl ToString) -> Self {
        Self::File { path: path.to_owned(), what: what.to_string() }
    }
}
