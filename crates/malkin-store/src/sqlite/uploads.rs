//! Files of jobs and of samples: how they come in, and when they go.
//!
//! A file belongs to the jobs that name it. It is deleted when the last of them ends, unless it is kept for the stored
//! sample with its SHA-256; then it is deleted with the sample.

use malkin_report::{ObjectId, SampleId, Sha256, UploadId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::statements::sql;
use super::{job_rows, samples};
use crate::codec::{Packed, pack};
use crate::error::StoreError;
use crate::jobs::{KeptFile, Upload};
use crate::time::Timestamp;

/// Files that one step of a sweep deletes.
const SWEPT_AT_ONCE: i64 = 16;

/// The stored file with a SHA-256.
pub(super) fn known(connection: &Connection, sha256: &[u8; 32]) -> Result<Option<UploadId>, StoreError> {
    let mut select = connection.prepare_cached(sql!("upload/by_sha256"))?;
    Ok(select.query_row([sha256], |row| job_rows::object_id(row, 0)).optional()?.map(UploadId))
}

/// Compresses a file.
pub(super) fn packed(bytes: &[u8]) -> Result<Packed<'_>, StoreError> {
    pack("an upload", bytes)
}

/// Writes a file.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    id: UploadId,
    sha256: &[u8; 32],
    file: &Packed<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("upload/insert"))?.execute(params![
        id.0.as_bytes(),
        sha256,
        now.millis(),
        file.codec,
        file.size,
        file.data
    ])?;
    Ok(())
}

/// Keeps a stored file with its sample.
pub(super) fn keep(transaction: &Transaction<'_>, id: UploadId) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("kept_file/insert"))?.execute([id.0.as_bytes()])?;
    Ok(())
}

/// The kept files that have a sample.
pub(super) fn kept(connection: &Connection) -> Result<Vec<KeptFile>, StoreError> {
    let mut select = connection.prepare_cached(sql!("kept_file/all"))?;
    let rows = select.query_map([], |row| {
        let upload = Upload { id: UploadId(job_rows::object_id(row, 0)?), sha256: Sha256::new(row.get(1)?) };
        Ok(KeptFile { upload, sample: SampleId::new(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The files of a job.
pub(super) fn of_job(transaction: &Transaction<'_>, job: i64) -> Result<Vec<ObjectId>, StoreError> {
    let mut select = transaction.prepare_cached(sql!("job/uploads"))?;
    let rows = select.query_map([job], |row| job_rows::object_id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Deletes those files that nothing needs any longer.
pub(super) fn drop_unused(transaction: &Transaction<'_>, files: &[ObjectId]) -> Result<(), StoreError> {
    let mut delete = transaction.prepare_cached(sql!("upload/drop"))?;
    for file in files {
        delete.execute([file.as_bytes()])?;
    }
    Ok(())
}

/// A stored sample is about to be deleted, and its file with it.
pub(super) fn forget_sample(transaction: &Transaction<'_>, id: SampleId) -> Result<(), StoreError> {
    let Some(sample) = samples::by_id(transaction, id)? else {
        return Ok(());
    };
    let mut select = transaction.prepare_cached(sql!("upload/of_sample"))?;
    if let Some(file) = select.query_row([sample.sha256], |row| job_rows::object_id(row, 0)).optional()? {
        transaction.prepare_cached(sql!("kept_file/delete"))?.execute([file.as_bytes()])?;
        drop_unused(transaction, &[file])?;
    }
    Ok(())
}

/// Deletes some files that belong to no job that has not ended and to no sample.
pub(super) fn sweep(transaction: &Transaction<'_>) -> Result<u64, StoreError> {
    let files = leftovers(transaction)?;
    for file in &files {
        transaction.prepare_cached(sql!("kept_file/delete"))?.execute([file.as_bytes()])?;
    }
    drop_unused(transaction, &files)?;
    Ok(files.len() as u64)
}

/// Some files that belong to no job that has not ended and to no sample.
pub(super) fn leftovers(connection: &Connection) -> Result<Vec<ObjectId>, StoreError> {
    let mut select = connection.prepare_cached(sql!("upload/leftovers"))?;
    let rows = select.query_map([SWEPT_AT_ONCE], |row| job_rows::object_id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
