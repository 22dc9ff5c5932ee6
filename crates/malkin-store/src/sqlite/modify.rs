//! Changes of what is stored: samples and families renamed, moved, flagged and deleted, hashes replaced.

use malkin_report::{FamilyId, SampleId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::samples::SampleParts;
use super::statements::sql;
use super::{counters, names, samples, uploads};
use crate::catalogue::{FamilyChange, NewHashes, SampleChange};
use crate::codec::pack_blocks;
use crate::error::StoreError;
use crate::time::Timestamp;

/// Changes a sample; false if there is none.
pub(super) fn sample(
    transaction: &Transaction<'_>,
    id: SampleId,
    change: &SampleChange,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(parts) = samples::parts(transaction, id)? else {
        return Ok(false);
    };
    // Samples of queries belong to no family and stay as they are.
    let Some(old_family) = parts.family else {
        return Ok(true);
    };
    let family = change.family.as_ref().map(|name| samples::family_named(transaction, name)).transpose()?;
    transaction.prepare_cached(sql!("sample/modify"))?.execute(params![
        id.get(),
        family.map(FamilyId::get),
        change.version,
        change.component,
        change.is_library,
        change.smda_version,
    ])?;
    if family.is_some_and(|family| family != old_family) {
        drop_if_empty(transaction, old_family)?;
    }
    counters::changed(transaction, Some(now))?;
    Ok(true)
}

/// Changes a family; false if there is none.
pub(super) fn family(
    transaction: &Transaction<'_>,
    id: FamilyId,
    change: &FamilyChange,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if !family_exists(transaction, id)? {
        return Ok(false);
    }
    if let Some(is_library) = change.is_library {
        transaction.prepare_cached(sql!("sample/flag_family"))?.execute((id.get(), is_library))?;
    }
    if let Some(name) = &change.name {
        let target = samples::family_named(transaction, name)?;
        if target != id {
            move_samples(transaction, id, target)?;
            drop_if_empty(transaction, id)?;
        }
    }
    counters::changed(transaction, Some(now))?;
    Ok(true)
}

/// Deletes a sample with all that belongs to it; false if there is none.
pub(super) fn delete_sample(
    transaction: &Transaction<'_>,
    id: SampleId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(parts) = delete_rows(transaction, id)? else {
        return Ok(false);
    };
    if let Some(family) = parts.family {
        drop_if_empty(transaction, family)?;
        counters::changed(transaction, Some(now))?;
    }
    Ok(true)
}

/// Deletes a family; false if there is none.
pub(super) fn delete_family(
    transaction: &Transaction<'_>,
    id: FamilyId,
    keep_samples: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if !family_exists(transaction, id)? {
        return Ok(false);
    }
    if keep_samples {
        move_samples(transaction, id, FamilyId::NAMELESS)?;
    } else {
        let mut select = transaction.prepare_cached(sql!("sample/ids_of_family"))?;
        let ids = select.query_map([id.get()], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        for sample in ids {
            delete_rows(transaction, SampleId::new(sample))?;
        }
    }
    drop_if_empty(transaction, id)?;
    counters::changed(transaction, Some(now))?;
    Ok(true)
}

/// Samples of queries that are deleted in one transaction.
const QUERIES_AT_ONCE: i64 = 32;

/// Deletes some samples of queries that were kept before a moment and belong to no job.
pub(super) fn delete_query_samples(
    transaction: &Transaction<'_>,
    added_before: Timestamp,
) -> Result<u64, StoreError> {
    let mut select = transaction.prepare_cached(sql!("sample/old_queries"))?;
    let ids = select
        .query_map([added_before.millis(), QUERIES_AT_ONCE], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for id in &ids {
        delete_rows(transaction, SampleId::new(*id))?;
    }
    Ok(ids.len() as u64)
}

/// Version of the disassembler that made the signatures of a sample.
pub(super) fn minhash_version(connection: &Connection, id: SampleId) -> Result<Option<String>, StoreError> {
    let mut select = connection.prepare_cached(sql!("sample/minhash_version"))?;
    Ok(select.query_row([id.get()], |row| row.get(0)).optional()?)
}

/// Replaces hashes of functions of a sample; false if there is none.
pub(super) fn replace_hashes(
    transaction: &Transaction<'_>,
    id: SampleId,
    hashes: &[NewHashes],
    minhash_version: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = transaction
        .prepare_cached(sql!("sample/set_minhash_version"))?
        .execute((id.get(), minhash_version))?;
    if found == 0 {
        return Ok(false);
    }
    let mut entry_of = transaction.prepare_cached(sql!("function/offsets"))?;
    let mut update = transaction.prepare_cached(sql!("function/set_hashes"))?;
    for new in hashes {
        let function = new.function_id.get();
        let entry: Option<i64> = entry_of.query_row([function, function], |row| row.get(1)).optional()?;
        let Some(entry) = entry else { continue };
        let blocks = pack_blocks(malkin_report::Va::from_signed(entry), &new.picblockhashes);
        let pichash = new.pichash.get() as i64;
        update.execute(params![function, id.get(), pichash, new.minhash.as_bytes(), blocks])?;
    }
    if !hashes.is_empty() {
        transaction.prepare_cached(sql!("sample/set_index_token"))?.execute([id.get()])?;
    }
    counters::changed(transaction, Some(now))?;
    Ok(true)
}

/// Deletes the rows of a sample and returns what it had.
pub(super) fn delete_rows(
    transaction: &Transaction<'_>,
    id: SampleId,
) -> Result<Option<SampleParts>, StoreError> {
    let Some(parts) = samples::parts(transaction, id)? else {
        return Ok(None);
    };
    let functions = [parts.functions.lowest, parts.functions.highest()];
    let chunks = [parts.first_chunk, parts.first_chunk + parts.num_chunks - 1];
    transaction.prepare_cached(sql!("label/delete_range"))?.execute(functions)?;
    transaction.prepare_cached(sql!("function/delete_range"))?.execute(functions)?;
    names::forget(transaction, functions)?;
    transaction.prepare_cached(sql!("chunk/delete_range"))?.execute(chunks)?;
    if parts.family.is_some() {
        uploads::forget_sample(transaction, id)?;
    }
    transaction.prepare_cached(sql!("sample/delete"))?.execute([id.get()])?;
    Ok(Some(parts))
}

fn move_samples(transaction: &Transaction<'_>, from: FamilyId, to: FamilyId) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("sample/move_family"))?.execute([from.get(), to.get()])?;
    Ok(())
}

fn drop_if_empty(transaction: &Transaction<'_>, family: FamilyId) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("family/delete_if_empty"))?.execute([family.get()])?;
    Ok(())
}

fn family_exists(transaction: &Transaction<'_>, id: FamilyId) -> Result<bool, StoreError> {
    let mut select = transaction.prepare_cached(sql!("family/exists"))?;
    Ok(select.query_row([id.get()], |_| Ok(())).optional()?.is_some())
}
