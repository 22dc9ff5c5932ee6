//! Persistent storage: families, samples, functions with their disassembly, jobs, results and uploads, behind traits that say
//! what a store promises, with an embedded SQLite implementation.
//!
//! The contract (everything but `sqlite`) names no backend: values, traits, errors with an opaque cause, the bytes of packed
//! disassembly and contents. A second backend implements the traits and passes `conformance`.
//!
//! Floor 3. Only this crate knows SQL. It computes no hashes and scores nothing; it never reads a clock: callers pass the
//! time. All calls block and are meant for a blocking thread.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod access;
pub mod analyses;
pub mod catalogue;
mod chunks;
mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
mod inspection;
pub mod jobs;
mod new_sample;
mod object_ids;
mod page;
pub mod search;
pub mod sqlite;
pub mod time;

pub use access::{Access, Role, TokenEntry};
pub use analyses::{Analyses, Analysis, AnalysisEntry, AnalysisFilter, IntelAnswer, NewAnalysis};
pub use catalogue::{
    Added, Catalogue, CorpusCounts, FamilyChange, FunctionPiece, FunctionQuery, FunctionRun, IndexRow,
    IndexedSample, MINHASH_COMPATIBILITY_THRESHOLD, NewHashes, SampleChange, is_stale_minhash_version,
};
pub use chunks::PackedDisassembly;
pub use error::StoreError;
pub use inspection::Inspection;
pub use jobs::{
    Ceiling, Claimed, Content, Expired, Hold, Job, JobFilter, JobState, JobStats, Jobs, KeptFile, Lane,
    NewJob, Retention, Upload, Usage, Wanted,
};
pub use new_sample::{NewFunction, NewLabel, NewSample};
pub use page::{After, PIECE_BYTES, PIECE_RECORDS, Page};
pub use search::{Border, Filter, Found, Noun, Order, Search, SearchError, Searches};
pub use sqlite::{
    INDEX_EXTENSION, INDEX_FOLDER, INDEX_OWNER, INSPECTED_AT_OPEN, SqliteStore, read_original_analyses,
};
pub use time::Timestamp;

/// Everything a server keeps. Object safe: used as `Arc<dyn Store>` from any thread.
pub trait Store: Catalogue + Searches + Jobs + Analyses + Access + Send + Sync {
    /// Name of the backend, for people: `sqlite`. MCRIT's clients are shown `mongodb` (`storage_type` of `/status`), the only
    /// one they know.
    fn backend_name(&self) -> &'static str;

    /// A random number by which this database is recognised. A copy of it has the same; it never changes.
    fn identity(&self) -> Result<u64, StoreError>;

    /// Whether every change is refused, with [`StoreError::ReadOnly`].
    fn is_read_only(&self) -> bool;

    /// Checks everything that is stored; `go_on` is called between steps and can end the check. After damage that could make
    /// other answers wrong, the store refuses everything.
    fn inspect(&self, go_on: &mut dyn FnMut() -> bool) -> Result<Inspection, StoreError>;

    /// Whether the store can be read and its files are still those that were opened.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if a file was deleted or replaced, [`StoreError::Damaged`] if damage was found.
    fn health(&self) -> Result<(), StoreError>;

    /// Drops samples, families, functions, jobs with their files and results, analyses and answers of providers, and
    /// restarts the counters (samples, functions and job numbers from 0, families from 1, query objects from -1). Tokens, job
    /// statistics and the state counter survive. MCRIT keeps the bytes of results; here nothing of the old corpus stays.
    fn respawn(&self) -> Result<(), StoreError>;

    /// Writes something that changes nothing, durably, and takes some space for a moment; fails if writes fail.
    fn try_write(&self) -> Result<(), StoreError>;

    /// Gives some of the room that deleted records left back to the file system; returns whether there is more to give. One
    /// call is short. A little room stays for what is written next, and a database made before format 8 gives nothing back
    /// until it was compacted once ([`SqliteStore::compact`]).
    fn give_back(&self) -> Result<bool, StoreError>;

    /// Gives back memory that only a burst needed: closes connections that nobody read by for a few seconds, and empties the
    /// cache of the one that writes if nothing was written since the last call. To be called every few seconds.
    fn close_idle(&self) -> Result<(), StoreError>;

    /// Room in the database that nothing uses, in bytes.
    fn free_bytes(&self) -> Result<u64, StoreError>;
}
