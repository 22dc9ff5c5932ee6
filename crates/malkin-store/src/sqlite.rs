//! The embedded store: one SQLite database in a data directory that one process at a time may use.
//!
//! Statements are files below `sql/sqlite`, formats are files below `migrations/sqlite`. Nothing here decides what a record
//! means; the contract is in `catalogue` and `jobs`.

use std::path::Path;

use crate::Store;
use crate::error::StoreError;
use crate::inspection::Inspection;
use crate::object_ids::ObjectIds;

mod access;
mod analyses;
mod catalogue;
mod checksums;
mod chunks;
mod claim;
mod connection;
mod counters;
mod directory;
mod expire;
mod failure;
mod functions;
mod inspection;
mod job_rows;
mod jobs;
mod labels;
mod migrate;
mod modify;
mod names;
mod pieces;
mod queue;
mod readers;
mod samples;
mod search;
mod statements;
mod stats;
mod turns;
mod uploads;

pub use analyses::read_original_analyses;
use directory::DATABASE;
pub use directory::{INDEX_EXTENSION, INDEX_FOLDER, INDEX_OWNER};

/// A database of at most this many bytes is inspected when it is opened, which takes a fraction of a second; a larger one
/// in the background.
pub const INSPECTED_AT_OPEN: u64 = 64 * 1024 * 1024;

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    // Declared, and so dropped, before the claim: the database is closed when the next process may come in.
    database: connection::Database,
    ids: ObjectIds,
    uses: expire::Uses,
    /// None in memory.
    claim: Option<claim::Claim>,
}

impl SqliteStore {
    /// Opens the store in a directory, which is created if needed, and brings it to the newest format. `holder_note` is
    /// what a second process learns about this one (for example its address).
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process (or another value of this one) has it open, [`StoreError::TooNew`] if a
    /// newer program wrote it, [`StoreError::Lost`] if the database is missing or empty beside its index or log.
    pub fn open(dir: &Path, holder_note: &str) -> Result<Self, StoreError> {
        let claim = claim::Claim::take(dir, holder_note)?;
        directory::refuse_lost_database(dir)?;
        let database = connection::Database::open(&dir.join(DATABASE))?;
        migrate::migrate(&mut database.writer())?;
        checksums::keep(&mut database.writer())?;
        database.check_files()?;
        Self { database, ids: ObjectIds::new()?, uses: expire::Uses::default(), claim: Some(claim) }
            .inspected_if_small()
    }

    /// Opens the store of a directory for reading only, which several processes may do at once. Nothing in the directory is
    /// written, so it may be one that cannot be written, or whose disk is full.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a process has it open to write, [`StoreError::NotWritable`] if its format is older,
    /// [`StoreError::Lost`] and [`StoreError::Io`] if there is no database.
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let claim = claim::Claim::share(dir)?;
        directory::refuse_lost_database(dir)?;
        let path = dir.join(DATABASE);
        if let Err(source) = std::fs::metadata(&path) {
            return Err(StoreError::Io { path, source });
        }
        let database = connection::Database::open_read_only(&path)?;
        migrate::require_newest(&database.writer())?;
        Self { database, ids: ObjectIds::new()?, uses: expire::Uses::default(), claim: Some(claim) }
            .inspected_if_small()
    }

    fn inspected_if_small(self) -> Result<Self, StoreError> {
        if self.database.file_size().is_some_and(|size| size <= INSPECTED_AT_OPEN) {
            self.inspect(&mut || true)?;
        }
        Ok(self)
    }

    /// Checks every row and every page; `go_on` is called between steps and can end the check. After damage that could make other
    /// answers wrong, the store refuses everything.
    ///
    /// # Errors
    /// Only failures to read at all; damage is a finding.
    pub fn inspect(&self, go_on: &mut dyn FnMut() -> bool) -> Result<Inspection, StoreError> {
        let found = inspection::inspect(&self.database, go_on)?;
        if let Some(finding) = found.structure.first() {
            self.database.condemn(format!(
                "{finding}. `malkin verify` lists all findings; restore a backup of the data directory"
            ));
        }
        Ok(found)
    }

    /// [`SqliteStore::inspect`] to the end; an error states the first finding.
    pub fn verify(&self) -> Result<(), StoreError> {
        let found = self.inspect(&mut || true)?;
        match found.structure.into_iter().chain(found.records).next() {
            None => Ok(()),
            Some(detail) => Err(StoreError::Damaged { what: "database".to_owned(), detail }),
        }
    }

    /// An empty store that is gone when the value is dropped; for tests. Reads wait for writes, and the visitor of
    /// `each_indexed_sample` must not call the store.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        let database = connection::Database::open_in_memory()?;
        migrate::migrate(&mut database.writer())?;
        checksums::keep(&mut database.writer())?;
        Ok(Self { database, ids: ObjectIds::new()?, uses: expire::Uses::default(), claim: None })
    }

    /// Replaces what a second process learns about this one.
    pub fn set_holder_note(&self, note: &str) -> Result<(), StoreError> {
        self.claim.as_ref().map_or(Ok(()), |claim| claim.set_note(note))
    }

    /// Writes the whole database again without unused room. From then on [`Store::give_back`] works on databases that are
    /// older than format 8. Takes as much free disk as twice the database, and nothing can be changed meanwhile.
    pub fn compact(&self) -> Result<(), StoreError> {
        let writer = self.database.writer();
        writer.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }
}

impl Store for SqliteStore {
    fn backend_name(&self) -> &'static str {
        "sqlite"
    }

    fn identity(&self) -> Result<u64, StoreError> {
        self.database.read(|connection| Ok(counters::read(connection, counters::IDENTITY)? as u64))
    }

    fn is_read_only(&self) -> bool {
        self.database.is_read_only()
    }

    fn inspect(&self, go_on: &mut dyn FnMut() -> bool) -> Result<Inspection, StoreError> {
        Self::inspect(self, go_on)
    }

    fn health(&self) -> Result<(), StoreError> {
        // Neither waits for a connection: a server asks on a thread that must not block.
        self.database.check_files()?;
        self.database.check_damage()
    }

    fn respawn(&self) -> Result<(), StoreError> {
        self.database.write(|transaction| {
            transaction.execute_batch(statements::sql!("respawn"))?;
            transaction.prepare_cached(statements::sql!("counter/restart"))?.execute([])?;
            transaction.prepare_cached(statements::sql!("stat/forget_unended"))?.execute([])?;
            counters::changed(transaction, None)
        })
    }

    fn try_write(&self) -> Result<(), StoreError> {
        self.database.try_write()
    }

    fn close_idle(&self) -> Result<(), StoreError> {
        self.database.close_idle()
    }

    fn give_back(&self) -> Result<bool, StoreError> {
        if free_pages(&self.database)? <= SLACK_PAGES
            || self.database.read(|connection| pragma(connection, "auto_vacuum"))? == 0
        {
            return Ok(false);
        }
        self.database.write(|transaction| {
            let free = pragma(transaction, "freelist_count")?;
            let pages = (free - SLACK_PAGES).min(PAGES_AT_ONCE);
            if pages <= 0 {
                return Ok(false);
            }
            // One row is one page: the statement has to be run to its end.
            let mut vacuum = transaction.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
            let left = pragma(transaction, "freelist_count")?;
            Ok(left > SLACK_PAGES && left < free)
        })
    }

    fn free_bytes(&self) -> Result<u64, StoreError> {
        let page = self.database.read(|connection| pragma(connection, "page_size"))?;
        Ok((free_pages(&self.database)? * page) as u64)
    }
}

/// Unused pages that stay in the file, so that it need not grow again at once: 8 MiB.
const SLACK_PAGES: i64 = 2048;
/// Unused pages that are given back in one step: 4 MiB, so that no change waits long.
const PAGES_AT_ONCE: i64 = 1024;

fn free_pages(database: &connection::Database) -> Result<i64, StoreError> {
    database.read(|connection| pragma(connection, "freelist_count"))
}

fn pragma(connection: &rusqlite::Connection, name: &str) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
