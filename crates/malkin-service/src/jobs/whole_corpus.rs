//! What jobs that go over the whole corpus have in common. Results have the keys of the reference; what is counted from rows is
//! always right and needs no repair.

use malkin_report::{MinHash, SampleEntry, SampleId};
use malkin_store::{NewHashes, Page};

use super::running::JobControl;
use crate::corpus::Corpus;
use crate::corpus::rehash::Rehashed;
use crate::error::JobError;

/// Signatures computed at once by the reference; its jobs return the number in the last batch only.
const REFERENCE_BATCH: usize = 10_000;

/// Samples whose numbers are read at once.
const PAGE_SAMPLES: u64 = 1000;

/// A number of signatures as the reference's jobs return it.
pub(super) fn last_batch(hashed: usize) -> Vec<u8> {
    let last = if hashed == 0 { 0 } else { (hashed - 1) % REFERENCE_BATCH + 1 };
    last.to_string().into_bytes()
}

/// Visits every stored sample that is still there when its turn comes.
pub(super) fn each_sample(
    corpus: &Corpus,
    job: &JobControl<'_>,
    mut visit: impl FnMut(&SampleEntry) -> Result<(), JobError>,
) -> Result<(), JobError> {
    let mut ids: Vec<SampleId> = Vec::new();
    loop {
        let page = corpus.store().samples(Page { start: ids.len() as u64, limit: PAGE_SAMPLES })?;
        let is_last = (page.len() as u64) < PAGE_SAMPLES;
        ids.extend(page.iter().map(|sample| sample.sample_id));
        if is_last {
            break;
        }
    }
    for (done, id) in ids.iter().enumerate() {
        job.progress(done as f64 / ids.len() as f64)?;
        if let Some(sample) = corpus.store().sample(*id)? {
            visit(&sample)?;
        }
    }
    Ok(())
}

/// Functions that have a signature today.
pub(super) fn count_hashed(functions: &[Rehashed]) -> usize {
    let fresh = functions.iter().filter_map(|function| function.fresh.as_ref());
    fresh.filter(|hashes| !hashes.minhash.is_empty()).count()
}

/// What differs from the stored signatures. With `drop` a function that cannot be hashed loses its signature.
pub(super) fn changed_minhashes(functions: &[Rehashed], drop: bool) -> Vec<NewHashes> {
    let changed = functions.iter().filter_map(|function| {
        let minhash = match &function.fresh {
            Some(fresh) => fresh.minhash.clone(),
            None if drop => MinHash::empty(),
            None => return None,
        };
        (minhash != function.stored.minhash).then(|| NewHashes { minhash, ..function.stored_hashes() })
    });
    changed.collect()
}

/// Stores hashes of a sample; one that was deleted meanwhile needs none.
pub(super) fn store_hashes(
    corpus: &Corpus,
    sample: SampleId,
    hashes: &[NewHashes],
    minhash_version: &str,
) -> Result<(), JobError> {
    corpus.replace_hashes(sample, hashes, minhash_version)?;
    Ok(())
}
