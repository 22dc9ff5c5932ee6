//! Why a use case or a job failed. A leaf: every room of the crate may import it.

use malkin_matching::MatchError;
use malkin_store::StoreError;

use crate::corpus::ingest::IngestError;
use crate::disassembly::DisassemblyError;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The input is no usable report.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The body is no JSON.
    #[error("{0}")]
    NotJson(serde_json::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A request that cannot be answered as it stands.
    #[error("{0}")]
    Unanswerable(String),
}

/// Why a job ended without result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The job was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The store failed; worth another attempt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request cannot be carried out, however often it is tried.
    #[error("{0}")]
    Failed(String),
}

/// The job was cancelled, deleted, or given to another worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the job was cancelled")]
pub struct Cancelled;

impl JobError {
    /// An error that no further attempt mends.
    pub(crate) fn failed(cause: impl Into<String>) -> Self {
        Self::Failed(cause.into())
    }
}

/// A question that is answered at once fails for the same causes as the job that would answer it.
impl From<JobError> for ServiceError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Store(error) => Self::Store(error),
            other => Self::Unanswerable(other.to_string()),
        }
    }
}

impl From<IngestError> for JobError {
    fn from(error: IngestError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<DisassemblyError> for JobError {
    fn from(error: DisassemblyError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<MatchError> for JobError {
    fn from(error: MatchError) -> Self {
        match error {
            MatchError::Cancelled => Self::Cancelled(Cancelled),
            other => Self::Failed(other.to_string()),
        }
    }
}
