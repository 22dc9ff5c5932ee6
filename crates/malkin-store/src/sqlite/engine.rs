//! Connections to one database: a single writer behind a mutex and a pool of readers that never wait for it.
//!
//! Every call is one transaction. Writers begin immediately, so that nothing is decided on data that another writer is
//! about to change; readers see one snapshot from their first statement on. The crash safety is SQLite's write-ahead log
//! with `synchronous=FULL`: a commit that returned is on the disk. The file is not mapped into memory: that reads no faster
//! here, and a failing disk would be a signal instead of an error.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::StoreError;
use crate::search::contains;

/// Text of a statement by its path below `sql/sqlite`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/sqlite/", $name, ".sql"))
    };
}
pub(super) use sql;

/// Readers kept open between calls; more are opened when more calls run at once.
const IDLE_READERS: usize = 8;

/// Statements a connection keeps prepared; there are fewer in this crate.
const CACHED_STATEMENTS: usize = 160;

/// How long a connection waits for a lock. Only recovery and checkpoints make one wait.
const BUSY: Duration = Duration::from_secs(20);

/// Page cache in KiB, as SQLite's negative `cache_size`.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
const READER_CACHE_KIB: i64 = 8 * 1024;

/// Size the write-ahead log is cut back to after a checkpoint, in bytes.
const LOG_LIMIT: i64 = 64 * 1024 * 1024;

/// Space that has to be there for a store to count as writable, in bytes.
const PROBE: usize = 256 * 1024;

/// Page size of a new database, in bytes. Chunks of disassembly fill some pages, and the rest of the last one is lost:
/// twice the page costs 30 bytes a function and gains no speed.
const PAGE: i64 = 4096;

/// Pages of the log after which a commit brings them into the database. Four times SQLite's own figure: pages that many
/// commits change, of the indexes above all, are brought in once for all of these.
const CHECKPOINT: i64 = 4000;

/// One database.
#[derive(Debug)]
pub(super) struct Engine {
    /// None for a database in memory, which has no readers of its own.
    path: Option<PathBuf>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Engine {
    /// Opens or creates the database file.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        refuse_stump(path)?;
        let writer = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        prepare(&writer, WRITER_CACHE_KIB)?;
        writer.pragma_update(None, "page_size", PAGE)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
        writer.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        Ok(Self { path: Some(path.to_owned()), writer: Mutex::new(writer), readers: Mutex::default() })
    }

    /// A database that lives as long as this value.
    pub(super) fn open_in_memory() -> Result<Self, StoreError> {
        let writer = Connection::open_in_memory()?;
        prepare(&writer, WRITER_CACHE_KIB)?;
        Ok(Self { path: None, writer: Mutex::new(writer), readers: Mutex::default() })
    }

    /// Runs `f` in a transaction that is committed if it succeeds and leaves nothing behind if not.
    pub(super) fn write<T>(
        &self,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = f(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Runs `f` on one snapshot.
    pub(super) fn read<T>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(path) = &self.path else {
            return snapshot(&mut lock(&self.writer), f);
        };
        let idle = lock(&self.readers).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => open_reader(path)?,
        };
        let value = snapshot(&mut reader, f);
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
        value
    }

    /// Writes without changing anything: the format number as it is, and a file beside the database that is deleted at once.
    /// The log has room of its own that it writes again and again, so that a full disk shows in the file only.
    pub(super) fn try_write(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            let format: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok(transaction.pragma_update(None, "user_version", format)?)
        })?;
        let Some(path) = &self.path else { return Ok(()) };
        let probe = path.with_extension("probe");
        let written =
            std::fs::write(&probe, vec![0; PROBE]).and_then(|()| std::fs::File::open(&probe)?.sync_all());
        let removed = std::fs::remove_file(&probe);
        written.and(removed).map_err(|error| StoreError::NotWritable(error.to_string()))
    }

    /// The writer outside of a transaction, for migrations and settings.
    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }
}

/// SQLite takes a file shorter than its smallest page for a new database; here it is what is left of an old one. An empty
/// file is what a process leaves that ends while it creates one.
fn refuse_stump(path: &Path) -> Result<(), StoreError> {
    const SMALLEST_PAGE: u64 = 512;
    match std::fs::metadata(path) {
        Ok(metadata) if (1..SMALLEST_PAGE).contains(&metadata.len()) => {
            let detail = format!("the file has only {} bytes", metadata.len());
            Err(StoreError::Damaged { what: "database".to_owned(), detail })
        }
        _ => Ok(()),
    }
}

fn snapshot<T>(
    connection: &mut Connection,
    f: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let value = f(&transaction)?;
    transaction.finish()?;
    Ok(value)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let reader = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&reader, READER_CACHE_KIB)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok(reader)
}

fn prepare(connection: &Connection, cache_kib: i64) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The file is data, whoever may have touched it: no functions from its schema, cells checked when pages are read.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Plans do not depend on bound values. Otherwise every statement that a partial index might serve is compiled anew
    // for each value, which is ten times the cost of reading a sample.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    add_functions(connection)
}

/// What SQLite's own functions cannot say: texts compared without case, by the rules of a search.
fn add_functions(connection: &Connection) -> Result<(), StoreError> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("malkin_indexed", 1, flags, |context: &Context<'_>| {
        Ok(super::search::indexed_name(context.get_raw(0).as_str().unwrap_or_default()))
    })?;
    connection.create_scalar_function("malkin_contains", 2, flags, |context: &Context<'_>| {
        let text = |at: usize| context.get_raw(at).as_str().unwrap_or_default();
        Ok(contains(text(0), text(1)))
    })?;
    Ok(())
}

/// A panic elsewhere cannot leave a connection half changed: its transaction was rolled back while unwinding.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
