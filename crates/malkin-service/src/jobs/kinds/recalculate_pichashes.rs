//! Computes PicHashes and block hashes of samples that an older disassembler hashed, or one that did not state its version.

use std::collections::HashSet;

use malkin_codehash::SMDA_VERSION;
use malkin_report::SampleId;
use malkin_report::version_gate::Version;
use malkin_store::{Lane, NewHashes, SampleChange, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::corpus::rehash::{Rehashed, rehash};
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;
use crate::jobs::whole_corpus;

/// Computes outdated PicHashes and block hashes again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecalculatePicHashes;

impl Kind for RecalculatePicHashes {
    const METHOD: &'static str = "recalculatePicHashes";

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
        let mut counts = PicHashCounts::default();
        whole_corpus::each_sample(corpus, job, |sample| {
            let current = Version::parse(SMDA_VERSION);
            if Version::parse(&sample.smda_version).is_some_and(|version| Some(version) >= current) {
                return Ok(());
            }
            counts.outdated_samples += 1;
            let functions = rehash(corpus, sample, |_| true)?;
            let changed: Vec<NewHashes> =
                functions.iter().filter_map(|function| changed_pichash(function, &mut counts)).collect();
            if changed.is_empty() {
                return Ok(());
            }
            let version = corpus.store().minhash_version(sample.sample_id)?.unwrap_or_default();
            whole_corpus::store_hashes(corpus, sample.sample_id, &changed, &version)?;
            note_smda_version(corpus, sample.sample_id)
        })?;
        let report = json!({
            "outdated_samples": counts.outdated_samples,
            "functions_updatable": counts.functions_updatable,
            "functions_updated": counts.functions_updated,
            "picblockhashes_updatable": counts.blocks_updatable,
            "picblockhashes_updated": counts.blocks_updated,
            "xcfg_missing": counts.xcfg_missing,
        });
        Ok(report.to_string().into_bytes())
    }
}

/// Counts of one sample's PicHashes; added up over all outdated samples.
#[derive(Default)]
struct PicHashCounts {
    outdated_samples: u64,
    functions_updatable: u64,
    functions_updated: u64,
    blocks_updatable: u64,
    blocks_updated: u64,
    xcfg_missing: u64,
}

fn changed_pichash(function: &Rehashed, counts: &mut PicHashCounts) -> Option<NewHashes> {
    let Some(fresh) = &function.fresh else {
        counts.xcfg_missing += 1;
        return None;
    };
    let stored = &function.stored;
    let pichash = fresh.pichash.unwrap_or(stored.pichash);
    counts.functions_updatable += 1;
    counts.functions_updated += u64::from(pichash != stored.pichash);
    counts.blocks_updatable += stored.picblockhashes.len() as u64;
    let known: HashSet<_> =
        stored.picblockhashes.iter().map(|block| (block.offset.get(), block.hash.get())).collect();
    let is_new =
        |block: &&malkin_report::BlockOccurrence| !known.contains(&(block.offset.get(), block.hash.get()));
    counts.blocks_updated += fresh.blocks.iter().filter(is_new).count() as u64;
    let is_changed = pichash != stored.pichash || fresh.blocks != stored.picblockhashes;
    is_changed.then(|| NewHashes {
        pichash,
        picblockhashes: fresh.blocks.clone(),
        ..function.stored_hashes()
    })
}

/// Notes by whom the hashes of a sample were made.
fn note_smda_version(corpus: &Corpus, id: SampleId) -> Result<(), JobError> {
    let change = SampleChange { smda_version: Some(SMDA_VERSION.to_owned()), ..SampleChange::default() };
    corpus.modify_sample(id, &change)?;
    Ok(())
}
