//! The corpus: what is stored and the index over it, kept in step under one lock.
//!
//! Everything that reads or changes families, samples and functions goes through a [`Corpus`]: adding, changing, deleting, files of
//! other servers, checks. Jobs, questions and triage take it by reference and know nothing of each other.
//!
//! Not here: when work is done (`jobs`), what is computed for an answer (`matching`, `questions`).

pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod index;
pub(crate) mod ingest;
pub(crate) mod rehash;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use malkin_codehash::{MinHasher, Projection};
use malkin_report::{FamilyId, FunctionId, SampleEntry, SampleId};
use malkin_store::{
    Added, CorpusCounts, FamilyChange, NewHashes, NewSample, SampleChange, Store, StoreError, Timestamp,
};
use sha2::Digest;

use crate::clock::Clock;
use crate::disassembly::hex;
use crate::stage::{Stage, timed};
use index::{CorpusIndex, Touched};
use ingest::Ingested;

/// Time a comparison may take unless set otherwise. The widest sample of ten million functions takes seconds.
pub const DEFAULT_MATCH_TIME: Duration = Duration::from_mins(10);

/// Store and index, with the hasher of this corpus and the clock.
pub struct Corpus {
    store: Arc<dyn Store>,
    index: CorpusIndex,
    hasher: MinHasher,
    clock: Arc<Clock>,
    match_time: Duration,
}

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Corpus")
            .field("store", &self.store.backend_name())
            .field("index", &self.index.stats())
            .finish_non_exhaustive()
    }
}

impl Corpus {
    /// Opens the corpus of a store. With a data directory the index is stored there, and only what is missing in it is read
    /// from the store; without one all of it is built. No comparison takes longer than `match_time`.
    ///
    /// # Errors
    /// Those of the store, and [`StoreError::Lost`] if the stored index belongs to another database.
    pub(crate) fn open(
        data: Option<&Path>,
        store: Arc<dyn Store>,
        clock: Arc<Clock>,
        match_time: Duration,
    ) -> Result<Self, StoreError> {
        let hasher = MinHasher::default();
        let (projection, signature_len) = (Projection::default(), hasher.signature_bytes());
        let index = if let Some(data) = data {
            CorpusIndex::open(projection, signature_len, data, store.as_ref())?
        } else {
            let index = CorpusIndex::new(projection, signature_len);
            index.rebuild(store.as_ref())?;
            index
        };
        Ok(Self { store, index, hasher, clock, match_time })
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The index.
    pub fn index(&self) -> &CorpusIndex {
        &self.index
    }

    /// The hasher of this corpus.
    pub fn hasher(&self) -> &MinHasher {
        &self.hasher
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time a comparison may take.
    pub(crate) fn match_time(&self) -> Duration {
        self.match_time
    }

    /// Stores a sample whose hashes are known, without the job MCRIT's clients wait for.
    pub fn add(&self, sample: &NewSample) -> Result<Added, StoreError> {
        timed(Stage::Store, || {
            self.index.add(self.store(), sample, || self.store.add_sample(sample, &[], "", self.now()))
        })
    }

    /// Stores what was ingested. A sample whose SHA-256 is known only gets the labels.
    pub(crate) fn add_ingested(&self, ingested: &Ingested, username: &str) -> Result<Added, StoreError> {
        for (offset, error) in &ingested.unhashed {
            tracing::warn!(sample.sha256 = ingested.sample.sha256, function.offset = %offset, %error, "function left unhashed");
        }
        timed(Stage::Store, || {
            self.index.add(self.store(), &ingested.sample, || {
                self.store.add_sample(&ingested.sample, &ingested.labels, username, self.now())
            })
        })
    }

    /// Changes a sample; false if there is none.
    pub fn modify_sample(&self, id: SampleId, change: &SampleChange) -> Result<bool, StoreError> {
        let modify = || self.store.modify_sample(id, change, self.now());
        self.index.change(self.store(), Touched::Sample(id), modify)
    }

    /// Changes a family; false if there is none.
    pub fn modify_family(&self, id: FamilyId, change: &FamilyChange) -> Result<bool, StoreError> {
        let modify = || self.store.modify_family(id, change, self.now());
        self.index.change(self.store(), Touched::Family(id), modify)
    }

    /// Deletes a sample; false if there is none.
    pub fn delete_sample(&self, id: SampleId) -> Result<bool, StoreError> {
        self.index.change(self.store(), Touched::Sample(id), || self.store.delete_sample(id, self.now()))
    }

    /// Deletes a family with its samples, or moves them to the nameless family; false if there is none.
    pub fn delete_family(&self, id: FamilyId, keep_samples: bool) -> Result<bool, StoreError> {
        let delete = || self.store.delete_family(id, keep_samples, self.now());
        self.index.change(self.store(), Touched::Family(id), delete)
    }

    /// Replaces hashes of functions of one sample; false if the sample is gone.
    pub(crate) fn replace_hashes(
        &self,
        id: SampleId,
        hashes: &[NewHashes],
        minhash_version: &str,
    ) -> Result<bool, StoreError> {
        self.index.replace_hashes(self.store(), id, hashes, minhash_version, self.now())
    }

    /// Builds the index again from the store; returns the number of functions with a signature.
    pub(crate) fn rebuild_index(&self) -> Result<u64, StoreError> {
        self.index.rebuild(self.store())
    }

    /// Deletes everything but tokens and statistics.
    pub(crate) fn respawn(&self) -> Result<(), StoreError> {
        self.index.reset(|| self.store.respawn())
    }

    /// The stored sample that an executable is.
    pub fn sample_of_binary(&self, body: &[u8]) -> Result<Option<SampleEntry>, StoreError> {
        self.store.sample_by_sha256(&hex(&sha2::Sha256::digest(body)))
    }

    /// Counts of the corpus.
    pub fn counts(&self) -> Result<CorpusCounts, StoreError> {
        self.store.counts()
    }

    /// Disassembly of one function as compact JSON.
    pub fn disassembly(&self, id: FunctionId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.store.disassembly(&[id])?.pop().flatten())
    }
}
