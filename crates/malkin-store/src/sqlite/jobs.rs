//! The queue on SQLite: which rows a call reads and writes in its transaction.

use malkin_report::{JobId, ResultId, Sha256, UploadId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::Digest;

use super::codec::{open_packed, pack, unpack};
use super::engine::sql;
use super::{SqliteStore, job_rows, queue, stats};
use crate::catalogue::After;
use crate::error::StoreError;
use crate::jobs::{Content, Job, JobFilter, JobStats, Jobs, NewJob, Upload};
use crate::time::Timestamp;

impl Jobs for SqliteStore {
    fn put_upload(&self, bytes: &[u8], now: Timestamp) -> Result<Upload, StoreError> {
        let digest: [u8; 32] = sha2::Sha256::digest(bytes).into();
        let sha256 = Sha256::new(digest);
        let touch = |transaction: &Transaction<'_>| -> Result<Option<Upload>, StoreError> {
            let mut touch = transaction.prepare_cached(sql!("upload/touch"))?;
            let known = touch
                .query_row(params![digest, now.millis()], |row| job_rows::object_id(row, 0))
                .optional()?;
            Ok(known.map(|id| Upload { id: UploadId(id), sha256 }))
        };
        if let Some(upload) = self.engine.write(touch)? {
            return Ok(upload);
        }
        let packed = pack("an upload", bytes)?;
        self.engine.write(|transaction| {
            if let Some(upload) = touch(transaction)? {
                return Ok(upload);
            }
            let id = self.ids.next(now);
            transaction.prepare_cached(sql!("upload/insert"))?.execute(params![
                id.as_bytes(),
                digest,
                now.millis(),
                packed.codec,
                packed.size,
                packed.data
            ])?;
            Ok(Upload { id: UploadId(id), sha256 })
        })
    }

    fn upload(&self, id: UploadId) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine.read(|connection| {
            content(connection, sql!("upload/by_id"), id.0.as_bytes(), || format!("upload {id}"))
        })
    }

    fn has_upload(&self, id: UploadId) -> Result<bool, StoreError> {
        self.engine.read(|connection| {
            let mut select = connection.prepare_cached(sql!("upload/exists"))?;
            Ok(select.query_row([id.0.as_bytes()], |row| row.get(0))?)
        })
    }

    fn uploads(&self) -> Result<Vec<Upload>, StoreError> {
        self.engine.read(|connection| {
            let mut select = connection.prepare_cached(sql!("upload/all"))?;
            let rows = select.query_map([], |row| {
                Ok(Upload { id: UploadId(job_rows::object_id(row, 0)?), sha256: Sha256::new(row.get(1)?) })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn enqueue(&self, job: &NewJob, live_since: Timestamp, now: Timestamp) -> Result<JobId, StoreError> {
        self.engine.write(|transaction| queue::enqueue(transaction, &self.ids, job, live_since, now))
    }

    fn claim(&self, worker: &str, now: Timestamp) -> Result<Option<Job>, StoreError> {
        // Idle workers ask again and again; they must not take the writer for that.
        if self.engine.read(queue::next)?.is_none() {
            return Ok(None);
        }
        self.engine.write(|transaction| queue::claim(transaction, worker, now))
    }

    fn heartbeat(
        &self,
        id: JobId,
        worker: &str,
        progress: Option<f64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.engine.write(|transaction| queue::heartbeat(transaction, id, worker, progress, now))
    }

    fn finish(
        &self,
        id: JobId,
        worker: &str,
        result: &[u8],
        now: Timestamp,
    ) -> Result<Option<ResultId>, StoreError> {
        let packed = pack("a result", result)?;
        self.engine.write(|transaction| queue::finish(transaction, &self.ids, id, worker, &packed, now))
    }

    fn fail(
        &self,
        id: JobId,
        worker: &str,
        error: &str,
        fatal: bool,
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        self.engine.write(|transaction| queue::fail(transaction, id, worker, error, fatal))
    }

    fn release(&self, id: JobId, worker: &str) -> Result<bool, StoreError> {
        self.engine.write(|transaction| queue::hand_back(transaction, id, worker))
    }

    fn release_expired(
        &self,
        live_since: Timestamp,
        dead_workers: Option<&str>,
        _now: Timestamp,
    ) -> Result<u64, StoreError> {
        let none = self
            .engine
            .read(|connection| Ok(queue::expired(connection, live_since, dead_workers)?.is_empty()))?;
        if none {
            return Ok(0);
        }
        self.engine.write(|transaction| queue::release_expired(transaction, live_since, dead_workers))
    }

    fn terminate(&self, id: JobId, _now: Timestamp) -> Result<bool, StoreError> {
        self.engine.write(|transaction| queue::terminate(transaction, id))
    }

    fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.engine.read(|connection| job_rows::by_id(connection, id))
    }

    fn jobs(
        &self,
        filter: &JobFilter,
        start: u64,
        limit: u64,
        ascending: bool,
    ) -> Result<Vec<Job>, StoreError> {
        self.engine.read(|connection| job_rows::list(connection, filter, start, limit, ascending))
    }

    fn job_piece(&self, filter: &JobFilter, after: After, ascending: bool) -> Result<Vec<Job>, StoreError> {
        self.engine.read(|connection| job_rows::piece(connection, filter, after, ascending))
    }

    fn delete_jobs(&self, filter: &JobFilter) -> Result<u64, StoreError> {
        self.engine.write(|transaction| queue::delete_matching(transaction, filter))
    }

    fn delete_job(&self, id: JobId) -> Result<bool, StoreError> {
        self.engine.write(|transaction| queue::delete(transaction, id))
    }

    fn job_stats(&self, refresh: bool) -> Result<JobStats, StoreError> {
        if refresh { self.engine.write(stats::refresh) } else { self.engine.read(stats::read) }
    }

    fn result(&self, id: ResultId) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine.read(|connection| {
            content(connection, sql!("result/by_id"), id.0.as_bytes(), || format!("result {id}"))
        })
    }

    fn open_result(&self, id: ResultId) -> Result<Option<Content>, StoreError> {
        self.engine.read(|connection| {
            let mut select = connection.prepare_cached(sql!("result/by_id"))?;
            let mut rows = select.query([id.0.as_bytes()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let data = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            open_packed(&format!("result {id}"), row.get(0)?, row.get(1)?, data).map(Some)
        })
    }

    fn job_of_result(&self, id: ResultId) -> Result<Option<Job>, StoreError> {
        self.engine.read(|connection| {
            let mut select = connection.prepare_cached(sql!("result/job"))?;
            let job = select.query_row([id.0.as_bytes()], |row| job_rows::object_id(row, 0)).optional()?;
            job.map_or(Ok(None), |job| job_rows::by_id(connection, JobId(job)))
        })
    }

    fn sweep_uploads(&self, untouched_since: Timestamp) -> Result<u64, StoreError> {
        self.engine.write(|transaction| {
            Ok(transaction.prepare_cached(sql!("upload/sweep"))?.execute([untouched_since.millis()])? as u64)
        })
    }
}

/// Reads a packed content by id.
fn content(
    connection: &Connection,
    select: &str,
    id: &[u8; 12],
    what: impl FnOnce() -> String,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let data = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
    unpack(&what(), row.get(0)?, row.get(1)?, data).map(Some)
}
