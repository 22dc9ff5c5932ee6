//! Computes signatures again of samples whose escaper is too old to be compared with that of today. A sample without any
//! disassembly stays as it is.

use malkin_codehash::SMDA_VERSION;
use malkin_store::{Lane, MINHASH_COMPATIBILITY_THRESHOLD, StoreError, is_stale_minhash_version};
use serde_json::json;

use crate::corpus::Corpus;
use crate::corpus::rehash::rehash;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;
use crate::jobs::whole_corpus;

/// Computes signatures again that an older escaper made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RepairMinHashes;

impl Kind for RepairMinHashes {
    const METHOD: &'static str = "repairMinHashes";

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
        let (mut stale, mut repaired, mut skipped) = (0_u64, 0_u64, 0_u64);
        let (mut dropped, mut rehashed) = (0, 0);
        whole_corpus::each_sample(corpus, job, |sample| {
            let version = corpus.store().minhash_version(sample.sample_id)?.unwrap_or_default();
            if !is_stale_minhash_version(&version) {
                return Ok(());
            }
            stale += 1;
            let functions = rehash(corpus, sample, |_| true)?;
            if !functions.is_empty() && functions.iter().all(|function| function.fresh.is_none()) {
                skipped += 1;
                return Ok(());
            }
            repaired += 1;
            dropped += functions.iter().filter(|function| !function.stored.minhash.is_empty()).count();
            rehashed += whole_corpus::count_hashed(&functions);
            whole_corpus::store_hashes(
                corpus,
                sample.sample_id,
                &whole_corpus::changed_minhashes(&functions, true),
                SMDA_VERSION,
            )
        })?;
        let report = json!({
            "compatibility_threshold": MINHASH_COMPATIBILITY_THRESHOLD,
            "smda_version": SMDA_VERSION,
            "num_samples_stale": stale,
            "num_samples_repaired": repaired,
            "num_functions_dropped": dropped,
            "num_functions_rehashed": rehashed,
            "num_samples_skipped": skipped,
        });
        Ok(report.to_string().into_bytes())
    }
}
