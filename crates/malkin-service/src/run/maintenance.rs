//! Jobs that go over the whole corpus. Results have the keys of the reference; what is counted from rows is always right
//! and needs no repair.

use std::collections::HashSet;

use malkin_codehash::SMDA_VERSION;
use malkin_report::version_gate::Version;
use malkin_report::{MinHash, SampleEntry, SampleId};
use malkin_store::{
    FunctionQuery, MINHASH_COMPATIBILITY_THRESHOLD, NewHashes, Page, SampleChange, StoreError,
    is_stale_minhash_version,
};
use serde_json::json;

use super::JobError;
use super::rehash::{Rehashed, rehash};
use crate::engine::Engine;
use crate::memory::Touched;
use crate::queue::JobControl;
use crate::request::Maintenance;

/// Signatures computed at once by the reference; its jobs tell the number in the last batch only.
const REFERENCE_BATCH: usize = 10_000;

/// Samples whose numbers are read at once.
const PAGE_SAMPLES: u64 = 1000;

/// Runs one kind of maintenance.
pub(super) fn run(engine: &Engine, work: Maintenance, control: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
    match work {
        Maintenance::CompleteMinHashes => complete_minhashes(engine, control),
        Maintenance::RebuildIndex => {
            let indexed = engine.memory().rebuild(engine.store())?;
            Ok(json!({"minhash_functions_indexed": indexed}).to_string().into_bytes())
        }
        Maintenance::RebuildBlockIndex => {
            engine.memory().rebuild(engine.store())?;
            Ok(distinct_blocks(engine)?.to_string().into_bytes())
        }
        Maintenance::RecomputeFamilyStats => family_stats(engine),
        Maintenance::RecalculatePicHashes => recalculate_pichashes(engine, control),
        Maintenance::RecalculateMinHashes => recalculate_minhashes(engine, control),
        Maintenance::RepairMinHashes => repair_minhashes(engine, control),
    }
}

/// Signatures are computed when a sample is added, so this only tells their number, in the reference's way of counting.
pub(super) fn count_signatures_of(engine: &Engine, sample: SampleId) -> Result<Vec<u8>, JobError> {
    if engine.store().sample(sample)?.is_none() {
        return Err(JobError::failed(format!("sample {sample} is gone")));
    }
    let functions = engine.store().functions(&FunctionQuery::OfSample(sample))?;
    let hashed = functions.iter().filter(|function| !function.minhash.is_empty()).count();
    Ok(last_batch(hashed))
}

fn last_batch(hashed: usize) -> Vec<u8> {
    let last = if hashed == 0 { 0 } else { (hashed - 1) % REFERENCE_BATCH + 1 };
    last.to_string().into_bytes()
}

/// Visits every stored sample that is still there when its turn comes.
fn each_sample(
    engine: &Engine,
    control: &JobControl<'_>,
    mut visit: impl FnMut(&SampleEntry) -> Result<(), JobError>,
) -> Result<(), JobError> {
    let mut ids: Vec<SampleId> = Vec::new();
    loop {
        let page = engine.store().samples(Page { start: ids.len() as u64, limit: PAGE_SAMPLES })?;
        let is_last = (page.len() as u64) < PAGE_SAMPLES;
        ids.extend(page.iter().map(|sample| sample.sample_id));
        if is_last {
            break;
        }
    }
    for (done, id) in ids.iter().enumerate() {
        control.progress(done as f64 / ids.len() as f64)?;
        if let Some(sample) = engine.store().sample(*id)? {
            visit(&sample)?;
        }
    }
    Ok(())
}

/// Signatures of functions that should have one and have none. The reference fails when there is nothing to do.
fn complete_minhashes(engine: &Engine, control: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
    let config = engine.hasher().config();
    let mut completed = 0;
    each_sample(engine, control, |sample| {
        let functions = rehash(engine, sample, |function| {
            let size = (function.num_instructions as usize, function.num_blocks as usize);
            function.minhash.is_empty() && config.is_eligible(size.0, size.1)
        })?;
        let changed: Vec<NewHashes> = functions.iter().filter_map(with_fresh_minhash).collect();
        if !changed.is_empty() {
            let version = engine.store().minhash_version(sample.sample_id)?.unwrap_or_default();
            store_hashes(engine, sample.sample_id, &changed, &version)?;
            completed += changed.len();
        }
        Ok(())
    })?;
    if completed == 0 {
        return Err(JobError::failed("no function is without a signature it could have"));
    }
    Ok(last_batch(completed))
}

/// Every signature anew. A function without disassembly keeps its signature if it is a current one.
fn recalculate_minhashes(engine: &Engine, control: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
    let mut hashed = 0;
    each_sample(engine, control, |sample| {
        let functions = rehash(engine, sample, |_| true)?;
        hashed += count_hashed(&functions);
        if functions.iter().any(|function| function.fresh.is_some()) {
            let version = engine.store().minhash_version(sample.sample_id)?.unwrap_or_default();
            let changed = changed_minhashes(&functions, version != SMDA_VERSION);
            store_hashes(engine, sample.sample_id, &changed, SMDA_VERSION)?;
        }
        Ok(())
    })?;
    Ok(last_batch(hashed))
}

/// Signatures of samples whose escaper is too old to be compared with today's. A sample without any disassembly stays as
/// it is.
fn repair_minhashes(engine: &Engine, control: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
    let (mut stale, mut repaired, mut skipped) = (0_u64, 0_u64, 0_u64);
    let (mut dropped, mut rehashed) = (0, 0);
    each_sample(engine, control, |sample| {
        let version = engine.store().minhash_version(sample.sample_id)?.unwrap_or_default();
        if !is_stale_minhash_version(&version) {
            return Ok(());
        }
        stale += 1;
        let functions = rehash(engine, sample, |_| true)?;
        if !functions.is_empty() && functions.iter().all(|function| function.fresh.is_none()) {
            skipped += 1;
            return Ok(());
        }
        repaired += 1;
        dropped += functions.iter().filter(|function| !function.stored.minhash.is_empty()).count();
        rehashed += count_hashed(&functions);
        store_hashes(engine, sample.sample_id, &changed_minhashes(&functions, true), SMDA_VERSION)
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

/// Functions that have a signature today.
fn count_hashed(functions: &[Rehashed]) -> usize {
    let fresh = functions.iter().filter_map(|function| function.fresh.as_ref());
    fresh.filter(|hashes| !hashes.minhash.is_empty()).count()
}

fn with_fresh_minhash(function: &Rehashed) -> Option<NewHashes> {
    let minhash = &function.fresh.as_ref()?.minhash;
    (!minhash.is_empty()).then(|| NewHashes { minhash: minhash.clone(), ..function.stored_hashes() })
}

/// What differs from the stored signatures. With `drop` a function that cannot be hashed loses its signature.
fn changed_minhashes(functions: &[Rehashed], drop: bool) -> Vec<NewHashes> {
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

fn store_hashes(
    engine: &Engine,
    sample: SampleId,
    hashes: &[NewHashes],
    minhash_version: &str,
) -> Result<(), JobError> {
    // A sample that was deleted meanwhile needs no hashes.
    engine.memory().replace_hashes(engine.store(), sample, hashes, minhash_version, engine.now())?;
    Ok(())
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

/// PicHashes and block hashes of samples hashed by an older disassembler, or one that did not tell its version.
fn recalculate_pichashes(engine: &Engine, control: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
    let mut counts = PicHashCounts::default();
    each_sample(engine, control, |sample| {
        let current = Version::parse(SMDA_VERSION);
        if Version::parse(&sample.smda_version).is_some_and(|version| Some(version) >= current) {
            return Ok(());
        }
        counts.outdated_samples += 1;
        let functions = rehash(engine, sample, |_| true)?;
        let changed: Vec<NewHashes> =
            functions.iter().filter_map(|function| changed_pichash(function, &mut counts)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let version = engine.store().minhash_version(sample.sample_id)?.unwrap_or_default();
        store_hashes(engine, sample.sample_id, &changed, &version)?;
        note_smda_version(engine, sample.sample_id)
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

fn note_smda_version(engine: &Engine, id: SampleId) -> Result<(), JobError> {
    let change = SampleChange { smda_version: Some(SMDA_VERSION.to_owned()), ..SampleChange::default() };
    let store = engine.store();
    engine.memory().change(store, Touched::Sample(id), || store.modify_sample(id, &change, engine.now()))?;
    Ok(())
}

/// Counters of families are counted from rows whenever they are asked for: there is never anything to correct.
fn family_stats(engine: &Engine) -> Result<Vec<u8>, JobError> {
    let report = json!({
        "num_families": engine.counts()?.families,
        "num_families_corrected": 0,
        "num_families_created": 0,
        "corrections": {},
    });
    Ok(report.to_string().into_bytes())
}

/// Number of distinct block hashes of stored samples.
fn distinct_blocks(engine: &Engine) -> Result<u64, StoreError> {
    let mut distinct: HashSet<u64> = HashSet::new();
    engine.store().each_indexed_sample(&mut |_, rows| {
        let hashes = rows.iter().flat_map(|row| &row.picblockhashes);
        distinct.extend(hashes.map(|block| block.hash.get()));
        true
    })?;
    Ok(distinct.len() as u64)
}
