//! Errors of SQLite as errors of a store.

use std::fmt;

use super::checksums::MISFIT;
use crate::error::StoreError;

/// An error of SQLite without the statement that failed, which may be pages of SQL.
#[derive(Debug)]
struct SqliteError(rusqlite::Error);

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            rusqlite::Error::SqlInputError { msg, .. } => f.write_str(msg),
            other => other.fmt(f),
        }
    }
}

impl std::error::Error for SqliteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}

impl From<rusqlite::Error> for StoreError {
    /// Sorts SQLite's errors by what a person can do about them.
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as Sql;
        use rusqlite::ffi::{self, ErrorCode};
        // A disk that is full or fails shows as an I/O error as often as it does as `SQLITE_FULL`: extended codes of
        // https://www.sqlite.org/rescode.html.
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
            // Made by the SQL functions of `checksums`, which have no other way to name the row.
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
                // The file ends before the page that its header or an index names: it was cut off.
                ErrorCode::SystemIoFailure if failure.extended_code == ffi::SQLITE_IOERR_SHORT_READ => {
                    damaged("database", &error)
                }
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => damaged("database", &error),
                _ => Self::Backend(Box::new(SqliteError(error))),
            },
            // The schema fixes the types of columns, so a value of another type is a damaged row.
            Sql::FromSqlConversionFailure(..)
            | Sql::InvalidColumnType(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::Utf8Error(..) => damaged("record", &error),
            _ => Self::Backend(Box::new(SqliteError(error))),
        }
    }
}
