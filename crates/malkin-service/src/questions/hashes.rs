//! Where a hash occurs: look-ups in the index, with what the store knows of the places.

use malkin_report::{BlockHash, FamilyId, FunctionId, PicHash, SampleId, Va};
use malkin_store::{FunctionQuery, StoreError};

use crate::corpus::Corpus;

/// Functions whose records are read at once.
const CHUNK_FUNCTIONS: usize = 1000;

/// A function with its sample and family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FunctionPlace {
    /// Family of the sample.
    pub family: FamilyId,
    /// The sample.
    pub sample: SampleId,
    /// The function.
    pub function: FunctionId,
}

/// Stored functions with a PicHash, ascending.
pub fn with_pichash(corpus: &Corpus, pichash: PicHash) -> Vec<FunctionPlace> {
    let reader = corpus.index().reader();
    let places = reader.with_pichash(pichash).map(|found| FunctionPlace {
        family: reader.sample_facts(found.sample).family_id,
        sample: reader.sample_id(found.sample),
        function: reader.function_id(found),
    });
    let mut places: Vec<FunctionPlace> = places.collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Basic blocks with a hash, each with the function it is in, ascending.
pub fn with_block(corpus: &Corpus, hash: BlockHash) -> Result<Vec<(FunctionPlace, Va)>, StoreError> {
    let reader = corpus.index().reader();
    let mut ids: Vec<FunctionId> = reader.with_block(hash).map(|found| reader.function_id(found)).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut places = Vec::new();
    for chunk in ids.chunks(CHUNK_FUNCTIONS) {
        for function in corpus.store().functions(&FunctionQuery::ByIds(chunk.to_vec()))? {
            let place = FunctionPlace {
                family: function.family_id,
                sample: function.sample_id,
                function: function.function_id,
            };
            let blocks = function.picblockhashes.iter().filter(|block| block.hash == hash);
            places.extend(blocks.map(|block| (place, block.offset)));
        }
    }
    places.sort_unstable();
    Ok(places)
}
