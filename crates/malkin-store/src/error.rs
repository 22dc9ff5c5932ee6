//! What can go wrong in a store, told so that a person can act on it.

use std::path::PathBuf;

use crate::sqlite::MISFIT;

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
    Search(#[from] crate::search::SearchError),
    /// Anything else the engine reports.
    #[error("the store failed: {}", without_statement(.0))]
    Engine(#[source] rusqlite::Error),
    /// Files around the database.
    #[error("cannot access {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
}

/// The engine's text without the statement that failed, which may be pages of SQL.
fn without_statement(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

impl From<rusqlite::Error> for StoreError {
    /// Sorts the engine's errors by what a person can do about them.
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as Sql;
        use rusqlite::ffi::{self, ErrorCode};
        const WRITE_FAILURES: [i32; 6] = [
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_TRUNCATE,
            ffi::SQLITE_IOERR_SHMOPEN,
            ffi::SQLITE_IOERR_SHMSIZE,
        ];
        let damaged =
            |what: &str, error: &Sql| Self::Damaged { what: what.to_owned(), detail: error.to_string() };
        match &error {
            Sql::SqliteFailure(_, Some(text)) if text.ends_with(MISFIT) => {
                let what = text.strip_suffix(MISFIT).unwrap_or_default().to_owned();
                let detail = MISFIT.trim_start_matches(": ").to_owned();
                Self::Damaged { what, detail }
            }
            Sql::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                    Self::NotWritable(error.to_string())
                }
                ErrorCode::SystemIoFailure if WRITE_FAILURES.contains(&failure.extended_code) => {
                    Self::NotWritable(error.to_string())
                }
                ErrorCode::SystemIoFailure if failure.extended_code == ffi::SQLITE_IOERR_SHORT_READ => {
                    damaged("database", &error)
                }
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => damaged("database", &error),
                _ => Self::Engine(error),
            },
            Sql::FromSqlConversionFailure(..)
            | Sql::InvalidColumnType(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::Utf8Error(..) => damaged("record", &error),
            _ => Self::Engine(error),
        }
    }
}
