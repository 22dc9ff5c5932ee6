//! Computes signatures that are missing.

use malkin_store::{Lane, NewHashes, StoreError};
use serde_json::Value;

use crate::corpus::Corpus;
use crate::corpus::rehash::{Rehashed, rehash};
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;
use crate::jobs::whole_corpus;

/// Computes signatures of functions that should have one and have none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompleteMinHashes;

impl Kind for CompleteMinHashes {
    const METHOD: &'static str = "updateMinHashes";

    fn parameters(&self) -> Parameters {
        Parameters::positional([Value::Null])
    }

    fn read(_parameters: &Parameters) -> Option<Self> {
        Some(Self)
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Long)
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let config = corpus.hasher().config();
        let mut completed = 0;
        whole_corpus::each_sample(corpus, job, |sample| {
            let functions = rehash(corpus, sample, |function| {
                let size = (function.num_instructions as usize, function.num_blocks as usize);
                function.minhash.is_empty() && config.is_eligible(size.0, size.1)
            })?;
            let changed: Vec<NewHashes> = functions.iter().filter_map(with_fresh_minhash).collect();
            if !changed.is_empty() {
                let version = corpus.store().minhash_version(sample.sample_id)?.unwrap_or_default();
                whole_corpus::store_hashes(corpus, sample.sample_id, &changed, &version)?;
                completed += changed.len();
            }
            Ok(())
        })?;
        // The reference fails when there is nothing to do.
        if completed == 0 {
            return Err(JobError::failed("no function is without a signature it could have"));
        }
        Ok(whole_corpus::last_batch(completed))
    }
}

fn with_fresh_minhash(function: &Rehashed) -> Option<NewHashes> {
    let minhash = &function.fresh.as_ref()?.minhash;
    (!minhash.is_empty()).then(|| NewHashes { minhash: minhash.clone(), ..function.stored_hashes() })
}
