//! What can go wrong in a store, in words that a person can act on. No backend is named here.

use std::path::PathBuf;

use crate::search::SearchError;

/// Failure of a store operation. Nothing was changed when one is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data directory is used by another process.
    #[error("the data directory {} is in use by another process{}", path.display(), holder.as_deref().map(|h| format!(" ({h})")).unwrap_or_default())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// What the holder wrote about itself, for example its address.
        holder: Option<String>,
    },
    /// The store was written by a newer program.
    #[error("the store has format {found}, this program knows up to {known}")]
    TooNew {
        /// Format found.
        found: i64,
        /// Newest known format.
        known: i64,
    },
    /// Stored data cannot be read back.
    #[error("stored {what} is damaged: {detail}")]
    Damaged {
        /// Which record.
        what: String,
        /// How it shows.
        detail: String,
    },
    /// The disk is full or cannot be written.
    #[error("cannot write to the store: {0}")]
    NotWritable(String),
    /// Files of the data directory are missing, were replaced, or do not belong together. The text says what to do.
    #[error("{0}")]
    Lost(String),
    /// The store was opened for reading only.
    #[error("{} is opened for reading only: nothing can be changed", .0.display())]
    ReadOnly(PathBuf),
    /// A value is larger than a record may be.
    #[error("{what} has {size} bytes, at most {limit} can be stored")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A client has too much in the queue.
    #[error(
        "{client} has reached its queue limit (jobs: {jobs}, bytes of files: {file_bytes}); wait until some of its jobs have ended"
    )]
    QueueFull {
        /// Who: a token or an address.
        client: String,
        /// Jobs of this client that have not ended.
        jobs: u64,
        /// Bytes of their files.
        file_bytes: u64,
    },
    /// A search that cannot be made as it stands.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// Anything else the backend reports. The cause is for people: no caller can tell one backend's errors from another's.
    #[error("the store failed: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Files around the database.
    #[error("cannot access {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
}
