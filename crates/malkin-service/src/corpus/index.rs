//! The index of this process, kept in step with the store: every change of the corpus is made here, store first, index second,
//! under one lock. Readers see one state and never wait.
//!
//! If the process dies between the two steps nothing is lost. At start the stored segments are compared with the store sample by
//! sample, by a token that changes with the hashes: what is gone or changed is dropped, what is missing is read from the store.
//! So a segment is never trusted to be complete, and deletions need not be written to it.

mod files;
mod records;
mod upkeep;
mod verify;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use malkin_codehash::{ESCAPER_FINGERPRINT, Projection};
use malkin_index::{
    IndexError, IndexReader, IndexStats, IndexWriter, IndexedFunction, NewSample as IndexSample, SampleFacts,
};
use malkin_report::{
    BlockHash, FamilyId, FunctionEntry, FunctionId, MinHash, PicHash, SampleEntry, SampleId,
};
use malkin_store::{Added, FunctionQuery, IndexRow, NewHashes, NewSample, Store, StoreError, Timestamp};
use parking_lot::{Mutex, RwLock};

use files::SegmentFiles;
use records::Records;
use upkeep::{Signal, Step, Upkeep};
pub use verify::IndexReport;

/// Functions gathered before they are inserted into the index together while it is built, which is cheaper than sample by
/// sample.
const BATCH_FUNCTIONS: usize = 200_000;

/// The index and the lock that orders changes.
#[derive(Debug)]
pub struct CorpusIndex {
    held: Arc<Held>,
    /// Merges and stores segments; stops when this value is dropped.
    _upkeep: Upkeep,
}

/// What readers, writers and upkeep share.
#[derive(Debug)]
struct Held {
    /// Held for the whole of a change of the corpus, store and index together.
    changes: Mutex<()>,
    /// Held for moments only: to change the index or to take a reader of it.
    index: RwLock<IndexWriter>,
    /// Held while segments are merged, written or removed. Taken after `changes` if both are.
    tending: Mutex<()>,
    /// None if nothing is stored.
    files: Option<SegmentFiles>,
    signal: Signal,
    /// What was wrong with stored segments when they were opened.
    findings: Mutex<Vec<String>>,
    records: Records,
}

impl CorpusIndex {
    /// An empty index that lives in memory only.
    pub fn new(projection: Projection, signature_len: usize) -> Self {
        Self::over(IndexWriter::with_fingerprint(projection, signature_len, ESCAPER_FINGERPRINT), None)
    }

    /// The index of a data directory: stored segments as far as the store agrees, and the rest from the store. Nothing is
    /// written if the store is read only.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if the stored segments were made from another database. They are left as they are: one of the two
    /// is in the wrong place.
    pub fn open(
        projection: Projection,
        signature_len: usize,
        data: &Path,
        store: &dyn Store,
    ) -> Result<Self, StoreError> {
        let index = IndexWriter::with_fingerprint(projection, signature_len, ESCAPER_FINGERPRINT);
        let mut findings = Vec::new();
        if store.is_read_only() {
            let memory = Self::over(index, None);
            memory.held.open(store, SegmentFiles::open_read_only(data).as_ref(), findings)?;
            return Ok(memory);
        }
        let files = match SegmentFiles::open(data) {
            Ok(files) => Some(files),
            Err(error) => {
                // A disk that takes no segments costs time at the next start, nothing else.
                findings.push(format!("cannot use the index folder: {error}"));
                None
            }
        };
        let memory = Self::over(index, files);
        memory.held.open(store, memory.held.files.as_ref(), findings)?;
        Ok(memory)
    }

    fn over(index: IndexWriter, files: Option<SegmentFiles>) -> Self {
        let held = Arc::new(Held {
            changes: Mutex::new(()),
            index: RwLock::new(index),
            tending: Mutex::new(()),
            files,
            signal: Signal::default(),
            findings: Mutex::default(),
            records: Records::default(),
        });
        Self { _upkeep: Upkeep::of(&held), held }
    }

    /// The state of now; later changes do not show in it.
    pub fn reader(&self) -> IndexReader {
        self.held.index.read().reader()
    }

    /// Records of samples, those that there are. Most are remembered from earlier questions.
    pub fn records(
        &self,
        store: &dyn Store,
        ids: &[SampleId],
    ) -> Result<HashMap<SampleId, Arc<SampleEntry>>, StoreError> {
        self.held.records.get(store, ids)
    }

    /// Number of bands.
    pub fn num_bands(&self) -> usize {
        self.held.index.read().projection().num_bands()
    }

    /// Counts and bytes.
    pub fn stats(&self) -> IndexStats {
        self.held.index.read().stats()
    }

    /// Adds a sample through `store` and, if it is new, to the index.
    pub fn add(
        &self,
        store: &dyn Store,
        sample: &NewSample,
        add: impl FnOnce() -> Result<Added, StoreError>,
    ) -> Result<Added, StoreError> {
        let _changes = self.held.changes.lock();
        let added = add()?;
        if let Added::New { sample: entry, first_function } = &added {
            let functions = sample.functions.iter().zip(first_function.get()..).map(|(function, id)| Row {
                id: FunctionId::new(id),
                pichash: function.pichash,
                minhash: &function.minhash,
                blocks: function.picblockhashes.iter().map(|block| block.hash).collect(),
            });
            let rows: Vec<Row<'_>> = functions.collect();
            let token = store.index_token(entry.sample_id)?.unwrap_or_default();
            insert_rows(&mut self.held.index.write(), &[(entry, token, rows)])?;
            self.held.signal.raise();
        }
        Ok(added)
    }

    /// Runs a change of stored samples, then makes the index say what the store says about each of them: family, library
    /// flag, or that it is gone. Returns what the change returns.
    pub fn change(
        &self,
        store: &dyn Store,
        touched: Touched,
        change: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let _changes = self.held.changes.lock();
        let ids: Vec<SampleId> = match touched {
            Touched::Sample(id) => vec![id],
            Touched::Family(id) => {
                store.samples_of_family(id)?.into_iter().map(|sample| sample.sample_id).collect()
            }
        };
        let changed = change();
        // Whatever came of it: what is remembered of these samples may be wrong now.
        self.held.records.forget(&ids);
        if !changed? {
            return Ok(false);
        }
        let records = store.samples_by_ids(&ids)?;
        let mut index = self.held.index.write();
        for id in ids {
            // Samples of queries are in the store alone.
            if !index.contains(id) {
                continue;
            }
            let told = match records.iter().find(|sample| sample.sample_id == id) {
                Some(sample) => index.set_sample_facts(id, facts(sample)),
                None => index.remove_sample(id),
            };
            told.map_err(damaged)?;
        }
        Ok(true)
    }

    /// Replaces hashes of functions of one sample in store and index. False if the sample is gone.
    pub fn replace_hashes(
        &self,
        store: &dyn Store,
        id: SampleId,
        hashes: &[NewHashes],
        minhash_version: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let _changes = self.held.changes.lock();
        if !store.replace_hashes(id, hashes, minhash_version, now)? {
            return Ok(false);
        }
        if hashes.is_empty() {
            return Ok(true);
        }
        let Some(sample) = store.sample(id)? else {
            return Ok(false);
        };
        let functions = store.functions(&FunctionQuery::OfSample(id))?;
        let rows = functions.iter().map(Row::from).collect();
        let token = store.index_token(id)?.unwrap_or_default();
        let mut index = self.held.index.write();
        if index.contains(id) {
            index.remove_sample(id).map_err(damaged)?;
        }
        insert_rows(&mut index, &[(&sample, token, rows)])?;
        self.held.signal.raise();
        Ok(true)
    }

    /// Runs a change that empties the corpus, then empties the index.
    pub fn reset(&self, change: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        let _changes = self.held.changes.lock();
        let changed = change();
        self.held.records.forget_all();
        changed?;
        let _tending = self.held.tending.lock();
        self.held.index.write().clear();
        self.held.remove_unused();
        Ok(())
    }

    /// Builds the index again from the store; returns the number of functions with a signature. Readers keep the old one
    /// until the new one is complete. Stored segments are replaced by new ones.
    pub fn rebuild(&self, store: &dyn Store) -> Result<u64, StoreError> {
        let _changes = self.held.changes.lock();
        let _tending = self.held.tending.lock();
        let mut fresh = self.held.index.read().emptied();
        let indexed = build(&mut fresh, store, None)?;
        *self.held.index.write() = fresh;
        self.held.remove_unused();
        self.held.signal.raise();
        Ok(indexed)
    }

    /// Merges and stores whatever is due, and waits for it. Upkeep does the same in the background.
    pub fn settle(&self) {
        while self.held.tend() == Step::Done {}
    }

    /// Merges everything into one stored segment: queries are fastest then. Readers and writers are not held up.
    pub fn compact(&self) {
        self.held.compact();
    }
}

impl Held {
    /// Opens the stored segments and reads the rest from the store.
    fn open(
        &self,
        store: &dyn Store,
        files: Option<&SegmentFiles>,
        mut findings: Vec<String>,
    ) -> Result<(), StoreError> {
        let mut wanted: HashMap<SampleId, (u64, SampleFacts)> = HashMap::new();
        for sample in store.indexed_samples()? {
            let facts = SampleFacts { family_id: sample.family_id, is_library: sample.is_library };
            wanted.insert(sample.sample_id, (sample.token, facts));
        }
        let _tending = self.tending.lock();
        let mut index = self.index.write();
        // Samples of segments that are in the store as they were, and others.
        let (mut known_samples, mut strange_samples) = (0_u64, 0_u64);
        if let Some(files) = files {
            let labels = files.labels().unwrap_or_else(|error| {
                findings.push(format!("cannot read the index folder: {error}"));
                Vec::new()
            });
            // The newest first: of two that hold the same sample the other is left by a merge.
            for label in labels.into_iter().rev() {
                let known = |id: SampleId, token| {
                    let now = wanted.get(&id).filter(|now| now.0 == token).map(|now| now.1);
                    *(if now.is_some() { &mut known_samples } else { &mut strange_samples }) += 1;
                    now
                };
                let taken = match files.read(label) {
                    Ok(image) => index.open_segment(image, label, known).map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                if let Err(error) = taken {
                    let name = SegmentFiles::name(label);
                    tracing::warn!(segment = name, %error, "stored segment not used; its samples are read from the store");
                    findings.push(format!("{name}: {error}"));
                }
            }
            accept(files, store, known_samples > 0, strange_samples > 0, &mut findings)?;
        }
        wanted.retain(|id, _| !index.contains(*id));
        if !wanted.is_empty() {
            let missing: HashSet<SampleId> = wanted.into_keys().collect();
            let samples = missing.len();
            build(&mut index, store, Some(&missing))?;
            tracing::debug!(samples, "samples read from the store into the index");
        }
        drop(index);
        self.remove_unused();
        *self.findings.lock() = findings;
        self.signal.raise();
        Ok(())
    }
}

/// Refuses segments that were made from another database. Tokens are random, so one sample in common proves that this is the
/// database or a copy of it, older or newer; without one the identity decides that was noted beside the segments.
fn accept(
    files: &SegmentFiles,
    store: &dyn Store,
    has_known: bool,
    has_strange: bool,
    findings: &mut Vec<String>,
) -> Result<(), StoreError> {
    let (owner, identity) = (files.owner(), store.identity()?);
    if owner == Some(identity) {
        return Ok(());
    }
    if !has_known && (owner.is_some() || has_strange) {
        let folder = files.folder().display();
        return Err(StoreError::Lost(format!(
            "{folder} holds the index of another database: malkin.db beside it was replaced. Put back the database that \
             belongs here. To keep this database, remove {folder}; the index is then built from it"
        )));
    }
    if !store.is_read_only()
        && let Err(error) = files.set_owner(identity)
    {
        findings.push(format!("cannot write the index folder: {error}"));
    }
    Ok(())
}

/// Reads samples from the store into the index, all or some; returns the number of functions with a signature.
fn build(
    index: &mut IndexWriter,
    store: &dyn Store,
    only: Option<&HashSet<SampleId>>,
) -> Result<u64, StoreError> {
    let tokens: HashMap<SampleId, u64> =
        store.indexed_samples()?.iter().map(|sample| (sample.sample_id, sample.token)).collect();
    let mut batch: Vec<(SampleEntry, Vec<IndexRow>)> = Vec::new();
    let (mut gathered, mut indexed, mut outcome) = (0, 0, Ok(()));
    let mut visit = |sample: &SampleEntry, rows: &[IndexRow]| {
        indexed += rows.iter().filter(|row| !row.minhash.is_empty()).count() as u64;
        gathered += rows.len();
        batch.push((sample.clone(), rows.to_vec()));
        if gathered >= BATCH_FUNCTIONS {
            outcome = insert_stored(index, &batch, &tokens).and_then(|()| merge_due(index));
            batch.clear();
            gathered = 0;
        }
        outcome.is_ok()
    };
    match only {
        None => store.each_indexed_sample(&mut visit)?,
        Some(ids) => store.each_indexed_sample_of(ids, &mut visit)?,
    }
    outcome?;
    insert_stored(index, &batch, &tokens)?;
    merge_due(index)?;
    Ok(indexed)
}

fn merge_due(index: &mut IndexWriter) -> Result<(), StoreError> {
    while let Some(plan) = index.plan_merge() {
        if !index.commit_merge(plan.run().map_err(damaged)?) {
            break;
        }
    }
    Ok(())
}

/// Which samples a change can touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touched {
    /// This one.
    Sample(SampleId),
    /// Those of a family.
    Family(FamilyId),
}

struct Row<'a> {
    id: FunctionId,
    pichash: PicHash,
    minhash: &'a MinHash,
    blocks: Vec<BlockHash>,
}

impl<'a> From<&'a FunctionEntry> for Row<'a> {
    fn from(function: &'a FunctionEntry) -> Self {
        Self {
            id: function.function_id,
            pichash: function.pichash,
            minhash: &function.minhash,
            blocks: function.picblockhashes.iter().map(|block| block.hash).collect(),
        }
    }
}

fn facts(sample: &SampleEntry) -> SampleFacts {
    SampleFacts { family_id: sample.family_id, is_library: sample.is_library }
}

fn insert_stored(
    index: &mut IndexWriter,
    samples: &[(SampleEntry, Vec<IndexRow>)],
    tokens: &HashMap<SampleId, u64>,
) -> Result<(), StoreError> {
    let samples: Vec<(&SampleEntry, u64, Vec<Row<'_>>)> = samples
        .iter()
        .map(|(sample, rows)| {
            let rows = rows.iter().map(|stored| Row {
                id: stored.function_id,
                pichash: stored.pichash,
                minhash: &stored.minhash,
                blocks: stored.picblockhashes.iter().map(|block| block.hash).collect(),
            });
            // A sample added since the tokens were read cannot be here: changes are locked out.
            (sample, tokens.get(&sample.sample_id).copied().unwrap_or_default(), rows.collect())
        })
        .collect();
    insert_rows(index, &samples)
}

fn insert_rows(
    index: &mut IndexWriter,
    samples: &[(&SampleEntry, u64, Vec<Row<'_>>)],
) -> Result<(), StoreError> {
    let functions: Vec<Vec<IndexedFunction<'_>>> = samples
        .iter()
        .map(|(_, _, rows)| {
            let functions = rows.iter().map(|row| IndexedFunction {
                id: row.id,
                pichash: row.pichash,
                minhash: row.minhash.as_bytes(),
                blocks: &row.blocks,
            });
            functions.collect()
        })
        .collect();
    let samples: Vec<IndexSample<'_>> = samples
        .iter()
        .zip(&functions)
        .map(|((sample, token, _), functions)| IndexSample {
            id: sample.sample_id,
            facts: facts(sample),
            token: *token,
            functions,
        })
        .collect();
    index.insert_samples(&samples).map_err(damaged)
}

/// The index refuses only what a sound store cannot hold: repeated samples, signatures of a foreign length.
fn damaged(error: IndexError) -> StoreError {
    StoreError::Damaged { what: "sample".to_owned(), detail: error.to_string() }
}

#[cfg(test)]
mod tests;
