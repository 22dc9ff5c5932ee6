//! Hashes of a stored sample computed again from its disassembly.

use malkin_codehash::{FunctionHashes, HashPath, SampleContext, Scratch, hash_function_in};
use malkin_report::{FunctionEntry, FunctionId, ImageRange, SampleEntry};
use malkin_store::{FunctionQuery, NewHashes, StoreError};

use super::Corpus;

/// Functions whose disassembly is held in memory at once.
const CHUNK_FUNCTIONS: usize = 512;

/// A stored function and what its hashes are today.
pub(crate) struct Rehashed {
    /// As it is stored.
    pub(crate) stored: FunctionEntry,
    /// Computed again; none if its disassembly was dropped or cannot be hashed.
    pub(crate) fresh: Option<FunctionHashes>,
}

impl Rehashed {
    /// The stored hashes, for a change of some of them.
    pub(crate) fn stored_hashes(&self) -> NewHashes {
        NewHashes {
            function_id: self.stored.function_id,
            pichash: self.stored.pichash,
            minhash: self.stored.minhash.clone(),
            picblockhashes: self.stored.picblockhashes.clone(),
        }
    }
}

/// Hashes those functions of a sample that `wanted` picks; in storage order.
pub(crate) fn rehash(
    corpus: &Corpus,
    sample: &SampleEntry,
    wanted: impl Fn(&FunctionEntry) -> bool,
) -> Result<Vec<Rehashed>, StoreError> {
    let context = context(sample);
    let mut scratch = Scratch::new();
    let mut functions = corpus.store().functions(&FunctionQuery::OfSample(sample.sample_id))?;
    functions.retain(wanted);
    let ids: Vec<FunctionId> = functions.iter().map(|function| function.function_id).collect();
    let mut fresh = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK_FUNCTIONS) {
        for xcfg in corpus.store().disassembly(chunk)? {
            let function = xcfg.and_then(|json| malkin_wire::function_from_json(&json).ok());
            fresh.push(function.and_then(|function| {
                hash_function_in(&function, &context, corpus.hasher(), HashPath::Server, &mut scratch).ok()
            }));
        }
    }
    Ok(functions.into_iter().zip(fresh).map(|(stored, fresh)| Rehashed { stored, fresh }).collect())
}

/// What hashing needs to know of a sample. A size of 0 stands for an image that is not known.
pub(crate) fn context(sample: &SampleEntry) -> SampleContext {
    let is_known = sample.binary_size > 0;
    SampleContext {
        architecture: sample.architecture.clone(),
        image: is_known.then(|| ImageRange::new(sample.base_addr.get(), sample.binary_size)),
        bitness: sample.bitness,
    }
}
