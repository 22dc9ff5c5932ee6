//! Builds the index again from the store. The result is the number of distinct block hashes.

use std::collections::HashSet;

use malkin_store::{Lane, StoreError};

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;

/// Builds the index again and counts block hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RebuildBlockIndex;

impl Kind for RebuildBlockIndex {
    const METHOD: &'static str = "rebuildPicBlockHashIndex";

    fn parameters(&self) -> Parameters {
        Parameters::default()
    }

    fn read(_parameters: &Parameters) -> Option<Self> {
        Some(Self)
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Long)
    }

    fn run(&self, corpus: &Corpus, _job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        corpus.rebuild_index()?;
        Ok(distinct_blocks(corpus)?.to_string().into_bytes())
    }
}

/// Number of distinct block hashes of stored samples.
fn distinct_blocks(corpus: &Corpus) -> Result<u64, StoreError> {
    let mut distinct: HashSet<u64> = HashSet::new();
    corpus.store().each_indexed_sample(&mut |_, rows| {
        let hashes = rows.iter().flat_map(|row| &row.picblockhashes);
        distinct.extend(hashes.map(|block| block.hash.get()));
        true
    })?;
    Ok(distinct.len() as u64)
}
