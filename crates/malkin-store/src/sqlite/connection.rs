//! Connections to one database: a single writer behind a mutex and a pool of readers that never wait for it.
//!
//! Every call is one transaction. Writers begin immediately, so that nothing is decided on data that another writer is
//! about to change; readers see one snapshot from their first statement on. The crash safety is SQLite's write-ahead log
//! with `synchronous=FULL`: a commit that returned is on the disk. The file is not mapped into memory: that reads no faster
//! here, and a failing disk would be a signal instead of an error.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::directory::{OpenFiles, with_suffix};
use super::readers::Readers;
use crate::error::StoreError;
use crate::search::contains;

/// Statements a connection keeps prepared; there are fewer in this crate.
const CACHED_STATEMENTS: usize = 192;

/// How long a connection waits for a lock. Only recovery and checkpoints make one wait.
const BUSY: Duration = Duration::from_secs(20);

/// Page cache in KiB, as SQLite's negative `cache_size`.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
const READER_CACHE_KIB: i64 = 8 * 1024;

/// A reader that nobody used for so long may be closed.
const READER_REST: Duration = Duration::from_secs(5);

/// Size the write-ahead log is cut back to after a checkpoint, in bytes.
const LOG_LIMIT: i64 = 64 * 1024 * 1024;

/// Space that has to be there for a store to count as writable, in bytes.
const PROBE: usize = 256 * 1024;

/// Page size of a new database, in bytes. Chunks of disassembly fill some pages, and the rest of the last one is lost:
/// twice the page costs 30 bytes a function and gains no speed.
const PAGE: i64 = 4096;

/// SQLite's number for giving unused pages back step by step.
const INCREMENTAL: i64 = 2;

/// Pages of the log after which a commit brings them into the database. Four times SQLite's own figure: pages that many
/// commits change, of the indexes above all, are brought in once for all of these.
const CHECKPOINT: i64 = 4000;

/// How a database is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    /// To read and write, with the log beside it and its index in shared memory.
    Write,
    /// To read a database whose log is empty or not there: nothing but the file itself is opened.
    ReadFile,
    /// To read a database and its log, whose index is built in memory: nothing is written, not even the shared memory that
    /// readers otherwise need.
    ReadLog,
}

/// One database.
#[derive(Debug)]
pub(super) struct Database {
    /// None for a database in memory, which has no readers of its own.
    path: Option<PathBuf>,
    /// How readers are opened.
    access: Access,
    /// None for a database in memory and one that is only read.
    files: Option<OpenFiles>,
    /// Damage after which any answer may be wrong.
    damage: OnceLock<String>,
    /// For a database that is only read, one more reader.
    writer: Mutex<Connection>,
    /// Whether something was written since idle connections were last closed.
    has_written: AtomicBool,
    readers: Readers,
}

impl Database {
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
        // Takes effect in a new database, and in an old one when it is compacted. Setting it again would write to the file.
        let mode: i64 = writer.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
        if mode != INCREMENTAL {
            writer.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
        }
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
        writer.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        Ok(Self {
            path: Some(path.to_owned()),
            access: Access::Write,
            files: Some(OpenFiles::of(path)),
            damage: OnceLock::new(),
            writer: Mutex::new(writer),
            has_written: AtomicBool::new(false),
            readers: Readers::default(),
        })
    }

    /// Opens a database that is only read. The claim on the directory ensures that no process writes to it meanwhile.
    pub(super) fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        refuse_stump(path)?;
        let log = std::fs::metadata(with_suffix(path, "-wal"));
        let access = if log.is_ok_and(|log| log.len() > 0) { Access::ReadLog } else { Access::ReadFile };
        Ok(Self {
            path: Some(path.to_owned()),
            access,
            files: None,
            damage: OnceLock::new(),
            writer: Mutex::new(open_reader(path, access)?),
            has_written: AtomicBool::new(false),
            readers: Readers::default(),
        })
    }

    /// A database that lives as long as this value.
    pub(super) fn open_in_memory() -> Result<Self, StoreError> {
        let writer = Connection::open_in_memory()?;
        prepare(&writer, WRITER_CACHE_KIB)?;
        Ok(Self {
            path: None,
            access: Access::Write,
            files: None,
            damage: OnceLock::new(),
            writer: Mutex::new(writer),
            has_written: AtomicBool::new(false),
            readers: Readers::default(),
        })
    }

    /// Runs `f` in a transaction that is committed if it succeeds and leaves nothing behind if not.
    pub(super) fn write<T>(
        &self,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(path) = self.path.as_ref().filter(|_| self.is_read_only()) {
            return Err(StoreError::ReadOnly(path.clone()));
        }
        self.check_damage()?;
        self.check_files()?;
        let mut writer = lock(&self.writer);
        self.has_written.store(true, Ordering::Relaxed);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = f(&transaction)?;
        transaction.commit()?;
        // What went into a file without a name is lost: it must not be acknowledged.
        self.check_files()?;
        Ok(value)
    }

    /// Whether the files are still those that were opened.
    pub(super) fn check_files(&self) -> Result<(), StoreError> {
        self.files.as_ref().map_or(Ok(()), OpenFiles::check)
    }

    /// Whether nothing can be written.
    pub(super) fn is_read_only(&self) -> bool {
        self.access != Access::Write
    }

    /// Bytes of the database file; none in memory.
    pub(super) fn file_size(&self) -> Option<u64> {
        std::fs::metadata(self.path.as_ref()?).ok().map(|metadata| metadata.len())
    }

    /// Refuses all reads and writes from now on.
    pub(super) fn condemn(&self, damage: String) {
        // The first finding stays.
        let _ = self.damage.set(damage);
    }

    /// Whether damage was found since the store was opened.
    pub(super) fn check_damage(&self) -> Result<(), StoreError> {
        match self.damage.get() {
            None => Ok(()),
            Some(detail) => Err(StoreError::Damaged { what: "database".to_owned(), detail: detail.clone() }),
        }
    }

    /// Runs `f` on one snapshot.
    pub(super) fn read<T>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check_damage()?;
        self.read_anyway(f)
    }

    /// As [`Database::read`], even if damage was found.
    pub(super) fn read_anyway<T>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(path) = &self.path else {
            return snapshot(&mut lock(&self.writer), f);
        };
        self.readers.run(|| open_reader(path, self.access), |reader| snapshot(reader, f))
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

    /// Closes readers that only a crowd needed, and empties the cache of a writer that wrote nothing since the last call.
    pub(super) fn close_idle(&self) -> Result<(), StoreError> {
        self.readers.close_idle(READER_REST);
        // A database in memory has nothing to read its pages from again.
        if self.path.is_some() && !self.has_written.swap(false, Ordering::Relaxed) {
            lock(&self.writer).execute_batch("PRAGMA shrink_memory")?;
        }
        Ok(())
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

fn open_reader(path: &Path, access: Access) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = match access {
        Access::Write => Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        Access::ReadFile => {
            let address = format!("file:{}?immutable=1", encoded(path));
            let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(address, flags)?
        }
        Access::ReadLog => {
            let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY;
            // The file system without locks: an exclusive lock, which keeps the index of the log in memory, needs a file
            // that can be written otherwise.
            let reader = if cfg!(unix) {
                Connection::open_with_flags_and_vfs(path, flags, c"unix-none")?
            } else {
                Connection::open_with_flags(path, flags)?
            };
            reader.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            // Neither the database nor the log is changed at the end.
            reader.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            reader
        }
    };
    prepare(&reader, READER_CACHE_KIB)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok(reader)
}

/// A path as part of a URI.
fn encoded(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                text.push(char::from(*byte));
            }
            // Writing to a text cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

fn prepare(connection: &Connection, cache_kib: i64) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The file is data, and may have been changed by others: no functions from its schema, cells checked when pages are read.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Plans do not depend on bound values. Otherwise every statement that a partial index might serve is compiled again
    // for each value, which is ten times the cost of reading a sample.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    add_functions(connection)
}

/// What SQLite's own functions cannot say: texts compared without case, by the rules of a search.
pub(super) fn add_functions(connection: &Connection) -> Result<(), StoreError> {
    super::checksums::add_functions(connection)?;
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("malkin_indexed", 1, flags, |context: &Context<'_>| {
        Ok(super::names::indexed(context.get_raw(0).as_str().unwrap_or_default()))
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
