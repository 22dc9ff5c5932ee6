//! Computes every signature again. A function without disassembly keeps its signature if it is a current one.

use malkin_codehash::SMDA_VERSION;
use malkin_store::{Lane, StoreError};

use crate::corpus::Corpus;
use crate::corpus::rehash::rehash;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;
use crate::jobs::whole_corpus;

/// Computes all signatures again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecalculateMinHashes;

impl Kind for RecalculateMinHashes {
    const METHOD: &'static str = "recalculateMinHashes";

    fn parameters(&self) -> Parameters {
        Parameters::default()
    }

    fn read(_parameters: &Parameters) -> Option<Self> {
        Some(Self)
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Long)
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let mut hashed = 0;
        whole_corpus::each_sample(corpus, job, |sample| {
            let functions = rehash(corpus, sample, |_| true)?;
            hashed += whole_corpus::count_hashed(&functions);
            if functions.iter().any(|function| function.fresh.is_some()) {
                let version = corpus.store().minhash_version(sample.sample_id)?.unwrap_or_default();
                let changed = whole_corpus::changed_minhashes(&functions, version != SMDA_VERSION);
                whole_corpus::store_hashes(corpus, sample.sample_id, &changed, SMDA_VERSION)?;
            }
            Ok(())
        })?;
        Ok(whole_corpus::last_batch(hashed))
    }
}
