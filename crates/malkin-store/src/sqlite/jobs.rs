//! The queue on SQLite: which rows a call reads and writes in its transaction.

use malkin_report::{JobId, ResultId, SampleId, Sha256, UploadId};
use rusqlite::{Connection, OptionalExtension};
use sha2::Digest;

use super::statements::sql;
use super::{SqliteStore, expire, job_rows, queue, stats, turns, uploads};
use crate::codec::{open_packed, pack, unpack};
use crate::error::StoreError;
use crate::jobs::{
    Claimed, Content, Expired, Hold, Job, JobFilter, JobStats, Jobs, KeptFile, NewJob, Retention, Upload,
    Usage, Wanted,
};
use crate::page::After;
use crate::time::Timestamp;

impl Jobs for SqliteStore {
    fn keep_file(&self, bytes: &[u8], now: Timestamp) -> Result<Upload, StoreError> {
        let digest: [u8; 32] = sha2::Sha256::digest(bytes).into();
        let packed = uploads::packed(bytes)?;
        self.database.write(|transaction| {
            let id = if let Some(known) = uploads::known(transaction, &digest)? {
                known
            } else {
                let new = UploadId(self.ids.next(now));
                uploads::insert(transaction, new, &digest, &packed, now)?;
                new
            };
            uploads::keep(transaction, id)?;
            Ok(Upload { id, sha256: Sha256::new(digest) })
        })
    }

    fn keep_upload(&self, id: UploadId) -> Result<(), StoreError> {
        self.database.write(|transaction| uploads::keep(transaction, id))
    }

    fn upload(&self, id: UploadId) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.read(|connection| {
            content(connection, sql!("upload/by_id"), id.0.as_bytes(), || format!("upload {id}"))
        })
    }

    fn has_upload(&self, id: UploadId) -> Result<bool, StoreError> {
        self.database.read(|connection| {
            let mut select = connection.prepare_cached(sql!("upload/exists"))?;
            Ok(select.query_row([id.0.as_bytes()], |row| row.get(0))?)
        })
    }

    fn kept_files(&self) -> Result<Vec<KeptFile>, StoreError> {
        self.database.read(uploads::kept)
    }

    fn enqueue(&self, job: &NewJob, live_since: Timestamp, now: Timestamp) -> Result<JobId, StoreError> {
        self.database.write(|transaction| match queue::reuse(transaction, job, live_since, now)? {
            Some(id) => Ok(id),
            None => queue::insert(transaction, &self.ids, job, 0, now),
        })
    }

    fn enqueue_file(
        &self,
        file: &[u8],
        job: &dyn Fn(&Upload) -> NewJob,
        live_since: Timestamp,
        now: Timestamp,
    ) -> Result<JobId, StoreError> {
        let digest: [u8; 32] = sha2::Sha256::digest(file).into();
        let sha256 = Sha256::new(digest);
        let new = UploadId(self.ids.next(now));
        let bytes = file.len() as u64;
        // Whether there is work to do is seen first: a client at its ceiling shall not keep the compressor busy.
        let known = self.database.write(|transaction| {
            let known = uploads::known(transaction, &digest)?;
            let job = job(&Upload { id: known.unwrap_or(new), sha256 });
            if let Some(id) = queue::reuse(transaction, &job, live_since, now)? {
                return Ok(Some(id));
            }
            turns::admit(transaction, &job, bytes)?;
            known.map(|_| queue::insert(transaction, &self.ids, &job, bytes, now)).transpose()
        })?;
        if let Some(id) = known {
            return Ok(id);
        }
        let packed = uploads::packed(file)?;
        self.database.write(|transaction| {
            let known = uploads::known(transaction, &digest)?;
            let id = known.unwrap_or(new);
            let job = job(&Upload { id, sha256 });
            if let Some(id) = queue::reuse(transaction, &job, live_since, now)? {
                return Ok(id);
            }
            if known.is_none() {
                uploads::insert(transaction, id, &digest, &packed, now)?;
            }
            queue::insert(transaction, &self.ids, &job, bytes, now)
        })
    }

    fn claim(
        &self,
        worker: &str,
        wanted: &Wanted<'_>,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        // Idle workers ask again and again; they must not take the writer for that.
        let look = self.database.read(|connection| turns::look(connection, wanted))?;
        if look.next.is_none() && look.stale.is_empty() {
            return Ok(None);
        }
        self.database.write(|transaction| queue::claim(transaction, worker, wanted, now))
    }

    fn heartbeat(&self, hold: &Hold, progress: Option<f64>, now: Timestamp) -> Result<bool, StoreError> {
        self.database.write(|transaction| queue::heartbeat(transaction, hold, progress, now))
    }

    fn own_query_sample(&self, hold: &Hold, sample: SampleId) -> Result<bool, StoreError> {
        self.database.write(|transaction| queue::own_query_sample(transaction, hold, sample))
    }

    fn finish(&self, hold: &Hold, result: &[u8], now: Timestamp) -> Result<Option<ResultId>, StoreError> {
        let packed = pack("a result", result)?;
        self.database.write(|transaction| queue::finish(transaction, &self.ids, hold, &packed, now))
    }

    fn fail(&self, hold: &Hold, error: &str, fatal: bool, now: Timestamp) -> Result<(), StoreError> {
        self.database.write(|transaction| queue::fail(transaction, hold, error, fatal, now))
    }

    fn release(&self, hold: &Hold) -> Result<bool, StoreError> {
        self.database.write(|transaction| queue::hand_back(transaction, hold))
    }

    fn release_expired(
        &self,
        live_since: Timestamp,
        dead_workers: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let none = self
            .database
            .read(|connection| Ok(queue::expired(connection, live_since, dead_workers)?.is_empty()))?;
        if none {
            return Ok(0);
        }
        self.database.write(|transaction| queue::release_expired(transaction, live_since, dead_workers, now))
    }

    fn terminate(&self, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
        self.database.write(|transaction| queue::terminate(transaction, id, now))
    }

    fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.database.read(|connection| job_rows::by_id(connection, id))
    }

    fn jobs(
        &self,
        filter: &JobFilter,
        start: u64,
        limit: u64,
        ascending: bool,
    ) -> Result<Vec<Job>, StoreError> {
        self.database.read(|connection| job_rows::list(connection, filter, start, limit, ascending))
    }

    fn job_piece(&self, filter: &JobFilter, after: After, ascending: bool) -> Result<Vec<Job>, StoreError> {
        self.database.read(|connection| job_rows::piece(connection, filter, after, ascending))
    }

    fn delete_jobs(&self, filter: &JobFilter) -> Result<u64, StoreError> {
        self.database.write(|transaction| queue::delete_matching(transaction, filter))
    }

    fn delete_job(&self, id: JobId) -> Result<bool, StoreError> {
        self.database.write(|transaction| queue::delete(transaction, id))
    }

    fn job_stats(&self, refresh: bool) -> Result<JobStats, StoreError> {
        if refresh { self.database.write(stats::refresh) } else { self.database.read(stats::read) }
    }

    fn result(&self, id: ResultId) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.database.read(|connection| {
            let mut select = connection.prepare_cached(sql!("result/by_id"))?;
            let mut rows = select.query([id.0.as_bytes()])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let data = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            let bytes = unpack(&format!("result {id}"), row.get(0)?, row.get(1)?, data)?;
            Ok(Some((bytes, JobId(job_rows::object_id(row, 3)?))))
        })?;
        Ok(found.map(|(bytes, job)| {
            self.uses.note(job);
            bytes
        }))
    }

    fn open_result(&self, id: ResultId) -> Result<Option<Content>, StoreError> {
        self.database.read(|connection| {
            let mut select = connection.prepare_cached(sql!("result/by_id"))?;
            let mut rows = select.query([id.0.as_bytes()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let data = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            let content = open_packed(&format!("result {id}"), row.get(0)?, row.get(1)?, data)?;
            self.uses.note(JobId(job_rows::object_id(row, 3)?));
            Ok(Some(content))
        })
    }

    fn job_of_result(&self, id: ResultId) -> Result<Option<Job>, StoreError> {
        self.database.read(|connection| {
            let mut select = connection.prepare_cached(sql!("result/job"))?;
            let job = select.query_row([id.0.as_bytes()], |row| job_rows::object_id(row, 0)).optional()?;
            job.map_or(Ok(None), |job| job_rows::by_id(connection, JobId(job)))
        })
    }

    fn expire(&self, retention: &Retention, now: Timestamp) -> Result<Expired, StoreError> {
        let used = self.uses.take();
        let idle = self.database.read(|connection| expire::is_idle(connection, retention))?;
        if used.is_empty() && idle {
            return Ok(Expired::default());
        }
        self.database.write(|transaction| {
            expire::note_uses(transaction, &used, now)?;
            expire::step(transaction, retention)
        })
    }

    fn sweep_uploads(&self) -> Result<u64, StoreError> {
        if self.database.read(uploads::leftovers)?.is_empty() {
            return Ok(0);
        }
        self.database.write(uploads::sweep)
    }

    fn sweep_results(&self, made_before: Timestamp) -> Result<u64, StoreError> {
        // Ids begin with the second in which they were made.
        let seconds = made_before.millis().div_euclid(1000).clamp(0, i64::from(u32::MAX)) as u32;
        let mut first = [0; 12];
        first[..4].copy_from_slice(&seconds.to_be_bytes());
        self.database.write(|transaction| {
            Ok(transaction.prepare_cached(sql!("result/sweep"))?.execute([first])? as u64)
        })
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        self.database.read(|connection| {
            let (ended_jobs, result_bytes) = expire::kept(connection)?;
            let mut files = connection.prepare_cached(sql!("upload/usage"))?;
            let (files, file_bytes) = files
                .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?;
            Ok(Usage { ended_jobs, result_bytes, files, file_bytes })
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
