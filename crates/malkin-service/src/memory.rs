//! The index of the running process, kept in step with the store: every change of the corpus passes through here, store
//! first, index second, under one lock. Readers take snapshots and never wait.
//!
//! If the process dies between the two steps nothing is lost: the index is built from the store at the next start.

use malkin_codehash::Projection;
use malkin_index::{
    Index, IndexError, IndexStats, IndexedFunction, NewSample as IndexSample, SampleFacts, Snapshot,
};
use malkin_report::{
    BlockHash, FamilyId, FunctionEntry, FunctionId, MinHash, PicHash, SampleEntry, SampleId,
};
use malkin_store::{Added, FunctionQuery, IndexRow, NewHashes, NewSample, Store, StoreError, Timestamp};
use parking_lot::{Mutex, RwLock};

/// Functions gathered before they are handed to the index at once while it is built, which is cheaper than sample by
/// sample.
const BATCH_FUNCTIONS: usize = 200_000;

/// The index and the lock that orders changes.
#[derive(Debug)]
pub struct Memory {
    /// Held for the whole of a change of the corpus, store and index together.
    changes: Mutex<()>,
    /// Held for moments only: to change the index or to take a snapshot of it.
    index: RwLock<Index>,
}

impl Memory {
    /// An empty index.
    pub fn new(projection: Projection, signature_len: usize) -> Self {
        Self { changes: Mutex::new(()), index: RwLock::new(Index::new(projection, signature_len)) }
    }

    /// The state of now; later changes do not show in it.
    pub fn snapshot(&self) -> Snapshot {
        self.index.read().snapshot()
    }

    /// Number of bands.
    pub fn num_bands(&self) -> usize {
        self.index.read().projection().num_bands()
    }

    /// Counts and bytes.
    pub fn stats(&self) -> IndexStats {
        self.index.read().stats()
    }

    /// Adds a sample through `store` and, if it is new, to the index.
    pub fn add(
        &self,
        sample: &NewSample,
        store: impl FnOnce() -> Result<Added, StoreError>,
    ) -> Result<Added, StoreError> {
        let _changes = self.changes.lock();
        let added = store()?;
        if let Added::New { sample: entry, first_function } = &added {
            let functions = sample.functions.iter().zip(first_function.get()..).map(|(function, id)| Row {
                id: FunctionId::new(id),
                pichash: function.pichash,
                minhash: &function.minhash,
                blocks: function.picblockhashes.iter().map(|block| block.hash).collect(),
            });
            let rows: Vec<Row<'_>> = functions.collect();
            self.insert(&[(entry, rows)])?;
        }
        Ok(added)
    }

    /// Runs a change of stored samples, then makes the index say what the store says about each of them: family, library
    /// flag, or that it is gone. Answers what the change answers.
    pub fn change(
        &self,
        store: &dyn Store,
        touched: Touched,
        change: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let _changes = self.changes.lock();
        let ids: Vec<SampleId> = match touched {
            Touched::Sample(id) => vec![id],
            Touched::Family(id) => {
                store.samples_of_family(id)?.into_iter().map(|sample| sample.sample_id).collect()
            }
        };
        if !change()? {
            return Ok(false);
        }
        let records = store.samples_by_ids(&ids)?;
        let mut index = self.index.write();
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
        let _changes = self.changes.lock();
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
        let mut index = self.index.write();
        if index.contains(id) {
            index.remove_sample(id).map_err(damaged)?;
        }
        insert_rows(&mut index, &[(&sample, rows)])?;
        Ok(true)
    }

    /// Runs a change that empties the corpus, then empties the index.
    pub fn reset(&self, change: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        let _changes = self.changes.lock();
        change()?;
        self.index.write().clear();
        Ok(())
    }

    /// Builds the index anew from the store; answers the number of functions with a signature. Readers keep the old one
    /// until the new one is complete.
    pub fn rebuild(&self, store: &dyn Store) -> Result<u64, StoreError> {
        let _changes = self.changes.lock();
        let (projection, signature_len) = {
            let index = self.index.read();
            (index.projection().clone(), index.signature_len())
        };
        let mut fresh = Index::new(projection, signature_len);
        let mut batch: Vec<(SampleEntry, Vec<IndexRow>)> = Vec::new();
        let mut gathered = 0;
        let mut indexed = 0;
        let mut outcome = Ok(());
        store.each_indexed_sample(&mut |sample, rows| {
            indexed += rows.iter().filter(|row| !row.minhash.is_empty()).count() as u64;
            gathered += rows.len();
            batch.push((sample.clone(), rows.to_vec()));
            if gathered >= BATCH_FUNCTIONS {
                outcome = insert_stored(&mut fresh, &batch);
                batch.clear();
                gathered = 0;
            }
            outcome.is_ok()
        })?;
        outcome?;
        insert_stored(&mut fresh, &batch)?;
        while let Some(plan) = fresh.plan_merge() {
            if !fresh.install(plan.run()) {
                break;
            }
        }
        *self.index.write() = fresh;
        Ok(indexed)
    }

    fn insert(&self, samples: &[(&SampleEntry, Vec<Row<'_>>)]) -> Result<(), StoreError> {
        insert_rows(&mut self.index.write(), samples)
    }
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

fn insert_stored(index: &mut Index, samples: &[(SampleEntry, Vec<IndexRow>)]) -> Result<(), StoreError> {
    let samples: Vec<(&SampleEntry, Vec<Row<'_>>)> = samples
        .iter()
        .map(|(sample, rows)| {
            let rows = rows.iter().map(|stored| Row {
                id: stored.function_id,
                pichash: stored.pichash,
                minhash: &stored.minhash,
                blocks: stored.picblockhashes.iter().map(|block| block.hash).collect(),
            });
            (sample, rows.collect())
        })
        .collect();
    insert_rows(index, &samples)
}

fn insert_rows(index: &mut Index, samples: &[(&SampleEntry, Vec<Row<'_>>)]) -> Result<(), StoreError> {
    let functions: Vec<Vec<IndexedFunction<'_>>> = samples
        .iter()
        .map(|(_, rows)| {
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
        .map(|((sample, _), functions)| IndexSample { id: sample.sample_id, facts: facts(sample), functions })
        .collect();
    index.insert_samples(&samples).map_err(damaged)
}

/// The index refuses only what a sound store cannot hold: repeated samples, signatures of a foreign length.
fn damaged(error: IndexError) -> StoreError {
    StoreError::Damaged { what: "sample".to_owned(), detail: error.to_string() }
}

#[cfg(test)]
mod tests;
