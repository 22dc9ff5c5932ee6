//! Transitions of jobs. Every function is one step of one transaction and keeps the counters of `job_stat` and the
//! dependencies of other jobs in step.

use malkin_report::{JobId, ObjectId, ResultId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::Digest;

use super::codec::Packed;
use super::engine::sql;
use super::object_ids::ObjectIds;
use super::{counters, job_rows, stats};
use crate::error::StoreError;
use crate::jobs::{Job, JobFilter, JobState, NewJob};
use crate::time::Timestamp;

/// Queues a job, or finds an equal one that is not exhausted.
pub(super) fn enqueue(
    transaction: &Transaction<'_>,
    ids: &ObjectIds,
    job: &NewJob,
    live_since: Timestamp,
    now: Timestamp,
) -> Result<JobId, StoreError> {
    let descriptor_hash = hash(&job.descriptor);
    if !job.always_new {
        let mut reusable = transaction.prepare_cached(sql!("job/reusable"))?;
        let wanted = params![descriptor_hash, job.descriptor, live_since.millis()];
        if let Some(id) = reusable.query_row(wanted, |row| job_rows::object_id(row, 0)).optional()? {
            return Ok(JobId(id));
        }
    }
    let id = ids.next(now);
    let number = counters::take(transaction, counters::JOB, 1)?;
    transaction.prepare_cached(sql!("job/insert"))?.execute(params![
        number,
        id.as_bytes(),
        job.method,
        job.params,
        job.file_params,
        job.descriptor,
        descriptor_hash,
        now.millis(),
        job.attempts.max(1),
        job.priority,
        job.author,
    ])?;
    let mut add_dependency = transaction.prepare_cached(sql!("job/add_dependency"))?;
    for (position, dependency) in (0_i64..).zip(&job.dependencies) {
        add_dependency.execute(params![number, position, dependency.0.as_bytes()])?;
    }
    let mut add_upload = transaction.prepare_cached(sql!("job/add_upload"))?;
    for upload in uploads_of(&job.file_params) {
        add_upload.execute(params![upload.as_bytes(), number])?;
    }
    stats::moved(transaction, &job.method, None, Some(JobState::Queued))?;
    Ok(JobId(id))
}

/// Uploads named by the file parameters, which are a JSON object of ids.
fn uploads_of(file_params: &str) -> Vec<ObjectId> {
    let Ok(serde_json::Value::Object(params)) = serde_json::from_str(file_params) else {
        return Vec::new();
    };
    params.values().filter_map(|value| ObjectId::parse(value.as_str()?)).collect()
}

/// First 8 bytes of the SHA-256 of a text.
fn hash(text: &str) -> i64 {
    let digest: [u8; 32] = sha2::Sha256::digest(text).into();
    digest.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// Number, id and method of the job that runs next.
pub(super) fn next(connection: &Connection) -> Result<Option<(i64, JobId, String)>, StoreError> {
    let mut select = connection.prepare_cached(sql!("job/next"))?;
    let next =
        select.query_row([], |row| Ok((row.get(0)?, JobId(job_rows::object_id(row, 1)?), row.get(2)?)));
    Ok(next.optional()?)
}

/// Hands the next job to a worker.
pub(super) fn claim(
    transaction: &Transaction<'_>,
    worker: &str,
    now: Timestamp,
) -> Result<Option<Job>, StoreError> {
    let Some((number, id, method)) = next(transaction)? else {
        return Ok(None);
    };
    transaction.prepare_cached(sql!("job/start"))?.execute(params![number, now.millis(), worker])?;
    stats::moved(transaction, &method, Some(JobState::Queued), Some(JobState::InProgress))?;
    job_rows::by_id(transaction, id)
}

/// Renews a lease.
pub(super) fn heartbeat(
    transaction: &Transaction<'_>,
    id: JobId,
    worker: &str,
    progress: Option<f64>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let progress = progress.filter(|progress| !progress.is_nan()).map(|progress| progress.clamp(0.0, 1.0));
    let mut renew = transaction.prepare_cached(sql!("job/heartbeat"))?;
    Ok(renew.execute(params![id.0.as_bytes(), worker, now.millis(), progress])? > 0)
}

/// Number, method and attempts of a job that this worker holds.
fn held(
    transaction: &Transaction<'_>,
    id: JobId,
    worker: &str,
) -> Result<Option<(i64, String, u32)>, StoreError> {
    let mut select = transaction.prepare_cached(sql!("job/held"))?;
    let job =
        select.query_row(params![id.0.as_bytes(), worker], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    Ok(job.optional()?)
}

/// Stores a result and ends the job.
pub(super) fn finish(
    transaction: &Transaction<'_>,
    ids: &ObjectIds,
    id: JobId,
    worker: &str,
    result: &Packed<'_>,
    now: Timestamp,
) -> Result<Option<ResultId>, StoreError> {
    let Some((number, method, _)) = held(transaction, id, worker)? else {
        return Ok(None);
    };
    let result_id = ids.next(now);
    transaction.prepare_cached(sql!("result/insert"))?.execute(params![
        result_id.as_bytes(),
        id.0.as_bytes(),
        result.codec,
        result.size,
        result.data
    ])?;
    transaction.prepare_cached(sql!("job/finish"))?.execute(params![
        number,
        now.millis(),
        result_id.as_bytes()
    ])?;
    stats::moved(transaction, &method, Some(JobState::InProgress), Some(JobState::Finished))?;
    release_dependants(transaction, id)?;
    Ok(Some(ResultId(result_id)))
}

/// Notes a failed attempt of a job that this worker holds.
pub(super) fn fail(
    transaction: &Transaction<'_>,
    id: JobId,
    worker: &str,
    error: &str,
    fatal: bool,
) -> Result<(), StoreError> {
    if let Some((number, method, attempts)) = held(transaction, id, worker)? {
        let attempts = if fatal { 0 } else { attempts.saturating_sub(1) };
        release(transaction, number, id, &method, attempts, error)?;
    }
    Ok(())
}

/// Puts a job that this worker holds back into the queue as it was.
pub(super) fn hand_back(transaction: &Transaction<'_>, id: JobId, worker: &str) -> Result<bool, StoreError> {
    let Some((number, method, _)) = held(transaction, id, worker)? else {
        return Ok(false);
    };
    transaction.prepare_cached(sql!("job/hand_back"))?.execute([number])?;
    stats::moved(transaction, &method, Some(JobState::InProgress), Some(JobState::Queued))?;
    Ok(true)
}

/// Takes a job from its worker: back into the queue, or failed if no attempt is left.
fn release(
    transaction: &Transaction<'_>,
    number: i64,
    id: JobId,
    method: &str,
    attempts: u32,
    error: &str,
) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("job/release"))?.execute(params![number, attempts, error])?;
    let state = if attempts == 0 { JobState::Failed } else { JobState::Queued };
    stats::moved(transaction, method, Some(JobState::InProgress), Some(state))?;
    if attempts == 0 {
        release_dependants(transaction, id)?;
    }
    Ok(())
}

/// A job whose worker is gone.
pub(super) struct Expired {
    number: i64,
    id: JobId,
    method: String,
    attempts: u32,
    worker: String,
}

/// Jobs whose worker is gone.
pub(super) fn expired(
    connection: &Connection,
    live_since: Timestamp,
    dead_workers: Option<&str>,
) -> Result<Vec<Expired>, StoreError> {
    let mut select = connection.prepare_cached(sql!("job/expired"))?;
    let rows = select.query_map(params![live_since.millis(), dead_workers], |row| {
        Ok(Expired {
            number: row.get(0)?,
            id: JobId(job_rows::object_id(row, 1)?),
            method: row.get(2)?,
            attempts: row.get(3)?,
            worker: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Releases jobs whose worker is gone.
pub(super) fn release_expired(
    transaction: &Transaction<'_>,
    live_since: Timestamp,
    dead_workers: Option<&str>,
) -> Result<u64, StoreError> {
    let jobs = expired(transaction, live_since, dead_workers)?;
    for job in &jobs {
        let error = format!("the worker {} stopped while it had this job", job.worker);
        release(transaction, job.number, job.id, &job.method, job.attempts.saturating_sub(1), &error)?;
    }
    Ok(jobs.len() as u64)
}

/// What a step needs to know of any job.
struct Brief {
    number: i64,
    method: String,
    state: JobState,
    result: Option<[u8; 12]>,
}

fn brief(transaction: &Transaction<'_>, id: JobId) -> Result<Option<Brief>, StoreError> {
    let mut select = transaction.prepare_cached(sql!("job/brief"))?;
    let mut rows = select.query([id.0.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let state = job_rows::state_of(row.get(2)?)?;
    Ok(Some(Brief { number: row.get(0)?, method: row.get(1)?, state, result: row.get(3)? }))
}

/// Cancels a job that has not ended.
pub(super) fn terminate(transaction: &Transaction<'_>, id: JobId) -> Result<bool, StoreError> {
    let unended = |job: &Brief| matches!(job.state, JobState::Queued | JobState::InProgress);
    let Some(job) = brief(transaction, id)?.filter(unended) else {
        return Ok(false);
    };
    transaction.prepare_cached(sql!("job/terminate"))?.execute([job.number])?;
    stats::moved(transaction, &job.method, Some(job.state), Some(JobState::Terminated))?;
    release_dependants(transaction, id)?;
    Ok(true)
}

/// Deletes a job with its result. Jobs that wait for it wait no longer.
pub(super) fn delete(transaction: &Transaction<'_>, id: JobId) -> Result<bool, StoreError> {
    let Some(job) = brief(transaction, id)? else {
        return Ok(false);
    };
    if let Some(result) = job.result {
        transaction.prepare_cached(sql!("result/delete"))?.execute([result])?;
    }
    transaction.prepare_cached(sql!("job/delete"))?.execute([job.number])?;
    stats::moved(transaction, &job.method, Some(job.state), None)?;
    release_dependants(transaction, id)?;
    Ok(true)
}

/// Deletes the jobs a filter selects.
pub(super) fn delete_matching(transaction: &Transaction<'_>, filter: &JobFilter) -> Result<u64, StoreError> {
    let ids = job_rows::ids(transaction, filter)?;
    for id in &ids {
        delete(transaction, *id)?;
    }
    Ok(ids.len() as u64)
}

fn release_dependants(transaction: &Transaction<'_>, id: JobId) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("job/end_dependency"))?.execute([id.0.as_bytes()])?;
    Ok(())
}
