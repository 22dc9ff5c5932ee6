//! Why a command failed, in the user's words.

use std::path::{Path, PathBuf};

use malkin_service::{IngestError, ServiceError};
use malkin_store::StoreError;

/// Failure of a command or of one of its inputs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// A file is beyond a limit.
    #[error("{}: {what}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Which limit, or what is wrong.
        what: String,
    },
    /// A file is no usable report.
    #[error("{}: {source}", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// Why.
        source: IngestError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A use case.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The other server.
    #[error("{0}")]
    Remote(String),
    /// Output cannot be written.
    #[error("cannot write the output: {0}")]
    Write(#[from] std::io::Error),
    /// Anything else, said in full.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// A refusal of a file.
    pub(crate) fn refused(path: &Path, what: impl Into<String>) -> Self {
        Self::Refused { path: path.to_owned(), what: what.into() }
    }

    /// True if nobody reads the output any more, for example `malkin hash ... | head`.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}
