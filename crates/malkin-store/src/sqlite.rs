//! The embedded store: one SQLite database in a data directory that one process at a time may use.
//!
//! Statements are files below `sql/sqlite`, formats are files below `migrations/sqlite`. Nothing here decides what a record
//! means; the contract is in `catalogue` and `jobs`.

use std::path::Path;

use crate::Store;
use crate::error::StoreError;

mod access;
mod analyses;
mod catalogue;
mod chunks;
mod claim;
mod codec;
mod counters;
mod engine;
mod functions;
mod job_rows;
mod jobs;
mod labels;
mod migrate;
mod modify;
mod object_ids;
mod pieces;
mod queue;
mod samples;
mod search;
mod stats;

pub use analyses::read_original_analyses;
pub use chunks::PackedDisassembly;

/// Name of the database in the data directory.
const DATABASE: &str = "malkin.db";

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    // Declared, and so dropped, before the claim: the database is closed when the next process may come in.
    engine: engine::Engine,
    ids: object_ids::ObjectIds,
    /// None in memory.
    claim: Option<claim::Claim>,
}

impl SqliteStore {
    /// Opens the store in a directory, which is created if needed, and brings it to the newest format. `holder_note` is
    /// what a second process is told about this one (for example its address).
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process (or another value of this one) has it open, [`StoreError::TooNew`] if a
    /// newer program wrote it.
    pub fn open(dir: &Path, holder_note: &str) -> Result<Self, StoreError> {
        let claim = claim::Claim::take(dir, holder_note)?;
        let engine = engine::Engine::open(&dir.join(DATABASE))?;
        migrate::migrate(&mut engine.writer())?;
        Ok(Self { engine, ids: object_ids::ObjectIds::new()?, claim: Some(claim) })
    }

    /// An empty store that is gone when the value is dropped; for tests. Reads wait for writes, and the visitor of
    /// `each_indexed_sample` must not call the store.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        let engine = engine::Engine::open_in_memory()?;
        migrate::migrate(&mut engine.writer())?;
        Ok(Self { engine, ids: object_ids::ObjectIds::new()?, claim: None })
    }

    /// Replaces what a second process is told about this one.
    pub fn set_holder_note(&self, note: &str) -> Result<(), StoreError> {
        self.claim.as_ref().map_or(Ok(()), |claim| claim.set_note(note))
    }

    /// Reads the whole database and checks its structure; an error tells the first finding.
    pub fn verify(&self) -> Result<(), StoreError> {
        self.engine.read(|connection| {
            let finding: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            if finding == "ok" {
                return Ok(());
            }
            Err(StoreError::Damaged { what: "database".to_owned(), detail: finding })
        })
    }
}

impl Store for SqliteStore {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    fn respawn(&self) -> Result<(), StoreError> {
        self.engine.write(|transaction| {
            transaction.execute_batch(engine::sql!("respawn"))?;
            transaction.prepare_cached(engine::sql!("counter/restart"))?.execute([])?;
            transaction.prepare_cached(engine::sql!("stat/forget_unended"))?.execute([])?;
            counters::changed(transaction, None)
        })
    }
}

#[cfg(test)]
mod tests;
