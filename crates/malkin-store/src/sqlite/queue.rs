//! Transitions of jobs. Every function is one step of one transaction and keeps the counters of `job_stat`, the
//! dependencies of other jobs, the turns of clients and the files in step.

use malkin_report::{JobId, ObjectId, ResultId, SampleId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::Digest;

use super::statements::sql;
use super::{counters, job_rows, modify, samples, stats, turns, uploads};
use crate::codec::Packed;
use crate::error::StoreError;
use crate::jobs::{Claimed, Hold, JobFilter, JobState, NewJob, Wanted};
use crate::object_ids::ObjectIds;
use crate::time::Timestamp;

/// A use of an ended job is noted at most this often, so that most uses write nothing.
const USE_MILLIS: i64 = 60_000;

/// Bytes a function of a query sample takes beside its disassembly, about (`docs/benchmarks.md`).
const FUNCTION_BYTES: i64 = 400;

/// An equal earlier job that is not exhausted; the client of the new one waits for it, too.
pub(super) fn reuse(
    transaction: &Transaction<'_>,
    job: &NewJob,
    live_since: Timestamp,
    now: Timestamp,
) -> Result<Option<JobId>, StoreError> {
    if job.always_new {
        return Ok(None);
    }
    let mut reusable = transaction.prepare_cached(sql!("job/reusable"))?;
    let wanted = params![hash(&job.descriptor), job.descriptor, live_since.millis()];
    let known = reusable
        .query_row(wanted, |row| Ok((job_rows::object_id(row, 0)?, row.get::<_, i64>(1)?, row.get(2)?)))
        .optional()?;
    let Some((id, number, state)) = known else {
        return Ok(None);
    };
    match job_rows::state_of(state)? {
        // A client at its ceiling waits with those that asked before.
        JobState::Queued if turns::admit(transaction, job, 0).is_ok() => {
            turns::share(transaction, number, &job.client)?;
        }
        // Asking again is a use: a result that clients still want does not expire.
        JobState::Finished => {
            transaction.prepare_cached(sql!("job/use"))?.execute(params![
                number,
                now.millis(),
                USE_MILLIS
            ])?;
        }
        _ => {}
    }
    Ok(Some(JobId(id)))
}

/// Queues a job whose files have `file_bytes`.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    ids: &ObjectIds,
    job: &NewJob,
    file_bytes: u64,
    now: Timestamp,
) -> Result<JobId, StoreError> {
    turns::admit(transaction, job, file_bytes)?;
    let id = ids.next(now);
    let number = counters::take(transaction, counters::JOB, 1)?;
    transaction.prepare_cached(sql!("job/insert"))?.execute(params![
        number,
        id.as_bytes(),
        job.method,
        job.params,
        job.file_params,
        job.descriptor,
        hash(&job.descriptor),
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
    turns::join(transaction, number, job, file_bytes)?;
    stats::moved(transaction, &job.method, None, Some(JobState::Queued))?;
    Ok(JobId(id))
}

/// Uploads named by the file parameters, which are a JSON object of ids. A text of another form names none: its job fails when it
/// runs, with a message.
fn uploads_of(file_params: &str) -> Vec<ObjectId> {
    let Ok(serde_json::Value::Object(params)) = serde_json::from_str(file_params) else {
        return Vec::new();
    };
    params.values().filter_map(|value| ObjectId::parse(value.as_str()?)).collect()
}

/// First 8 bytes of the SHA-256 of a text. Descriptors are long and indexed by this; the statement compares the texts as well, so a
/// collision costs a comparison and nothing else.
fn hash(text: &str) -> i64 {
    let digest: [u8; 32] = sha2::Sha256::digest(text).into();
    digest.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// Hands the next job to a worker.
pub(super) fn claim(
    transaction: &Transaction<'_>,
    worker: &str,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<Option<Claimed>, StoreError> {
    let look = turns::look(transaction, wanted)?;
    turns::leave(transaction, &look.stale)?;
    let Some(next) = look.next else {
        return Ok(None);
    };
    transaction.prepare_cached(sql!("job/start"))?.execute(params![next.number, now.millis(), worker])?;
    turns::refresh(transaction, next.number)?;
    turns::taken(transaction, &next)?;
    stats::moved(transaction, &next.method, Some(JobState::Queued), Some(JobState::InProgress))?;
    let job = job_rows::by_id(transaction, next.id)?;
    Ok(job.map(|job| Claimed { job, client: next.client }))
}

/// Renews a lease.
pub(super) fn heartbeat(
    transaction: &Transaction<'_>,
    hold: &Hold,
    progress: Option<f64>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let progress = progress.filter(|progress| !progress.is_nan()).map(|progress| progress.clamp(0.0, 1.0));
    let mut renew = transaction.prepare_cached(sql!("job/heartbeat"))?;
    let values = params![hold.id.0.as_bytes(), hold.worker, hold.attempt, now.millis(), progress];
    Ok(renew.execute(values)? > 0)
}

/// Number, method and attempts left of a job that is held.
fn held(transaction: &Transaction<'_>, hold: &Hold) -> Result<Option<(i64, String, u32)>, StoreError> {
    let mut select = transaction.prepare_cached(sql!("job/held"))?;
    let job = select.query_row(params![hold.id.0.as_bytes(), hold.worker, hold.attempt], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    Ok(job.optional()?)
}

/// Makes a query sample part of a job.
pub(super) fn own_query_sample(
    transaction: &Transaction<'_>,
    hold: &Hold,
    sample: SampleId,
) -> Result<bool, StoreError> {
    let Some((number, ..)) = held(transaction, hold)? else {
        return Ok(false);
    };
    let mut former = transaction.prepare_cached(sql!("job/query_sample"))?;
    let former: Option<i64> = former.query_row([number], |row| row.get(0))?;
    if let Some(former) = former.filter(|former| *former != sample.get()) {
        modify::delete_rows(transaction, SampleId::new(former))?;
    }
    let bytes = match samples::parts(transaction, sample)? {
        None => 0,
        Some(parts) => {
            let mut bytes = transaction.prepare_cached(sql!("chunk/bytes"))?;
            let chunks = [parts.first_chunk, parts.first_chunk + parts.num_chunks - 1];
            bytes.query_row(chunks, |row| row.get::<_, i64>(0))? + parts.functions.count * FUNCTION_BYTES
        }
    };
    let mut set = transaction.prepare_cached(sql!("job/set_query_sample"))?;
    set.execute(params![number, sample.get(), bytes])?;
    Ok(true)
}

/// Stores a result and ends the job.
pub(super) fn finish(
    transaction: &Transaction<'_>,
    ids: &ObjectIds,
    hold: &Hold,
    result: &Packed<'_>,
    now: Timestamp,
) -> Result<Option<ResultId>, StoreError> {
    let Some((number, method, _)) = held(transaction, hold)? else {
        return Ok(None);
    };
    let result_id = ids.next(now);
    transaction.prepare_cached(sql!("result/insert"))?.execute(params![
        result_id.as_bytes(),
        hold.id.0.as_bytes(),
        result.codec,
        result.size,
        result.data
    ])?;
    transaction.prepare_cached(sql!("job/finish"))?.execute(params![
        number,
        now.millis(),
        result_id.as_bytes(),
        result.data.len() as i64
    ])?;
    stats::moved(transaction, &method, Some(JobState::InProgress), Some(JobState::Finished))?;
    ended(transaction, number, hold.id, now)?;
    Ok(Some(ResultId(result_id)))
}

/// Notes a failed attempt of a job that is held.
pub(super) fn fail(
    transaction: &Transaction<'_>,
    hold: &Hold,
    error: &str,
    fatal: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some((number, method, attempts)) = held(transaction, hold)? {
        let attempts = if fatal { 0 } else { attempts.saturating_sub(1) };
        let job = Released { number, id: hold.id, method: &method, attempts };
        release(transaction, &job, error, now)?;
    }
    Ok(())
}

/// Puts a job that is held back into the queue as it was.
pub(super) fn hand_back(transaction: &Transaction<'_>, hold: &Hold) -> Result<bool, StoreError> {
    let Some((number, method, _)) = held(transaction, hold)? else {
        return Ok(false);
    };
    transaction.prepare_cached(sql!("job/hand_back"))?.execute([number])?;
    turns::refresh(transaction, number)?;
    stats::moved(transaction, &method, Some(JobState::InProgress), Some(JobState::Queued))?;
    Ok(true)
}

/// A job that its worker loses.
struct Released<'a> {
    number: i64,
    id: JobId,
    method: &'a str,
    /// Those that are left.
    attempts: u32,
}

/// Takes a job from its worker: back into the queue, or failed if no attempt is left.
fn release(
    transaction: &Transaction<'_>,
    job: &Released<'_>,
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Released { number, id, method, attempts } = *job;
    transaction.prepare_cached(sql!("job/release"))?.execute(params![number, attempts, error])?;
    let state = if attempts == 0 { JobState::Failed } else { JobState::Queued };
    stats::moved(transaction, method, Some(JobState::InProgress), Some(state))?;
    if attempts == 0 { ended(transaction, number, id, now) } else { turns::refresh(transaction, number) }
}

/// What follows from the end of a job: its clients wait no longer, its files are deleted, and jobs that depend on it may run.
fn ended(transaction: &Transaction<'_>, number: i64, id: JobId, now: Timestamp) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("job/end"))?.execute(params![number, now.millis()])?;
    turns::ended(transaction, number)?;
    uploads::drop_unused(transaction, &uploads::of_job(transaction, number)?)?;
    release_dependants(transaction, id)
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
    dead_workers: &str,
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
    dead_workers: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let jobs = expired(transaction, live_since, dead_workers)?;
    for job in &jobs {
        let error = format!("the worker {} stopped while it had this job", job.worker);
        let attempts = job.attempts.saturating_sub(1);
        let job = Released { number: job.number, id: job.id, method: &job.method, attempts };
        release(transaction, &job, &error, now)?;
    }
    Ok(jobs.len() as u64)
}

/// What a step needs to know of any job.
struct Brief {
    number: i64,
    method: String,
    state: JobState,
    result: Option<[u8; 12]>,
    query_sample: Option<i64>,
}

fn brief(transaction: &Transaction<'_>, id: JobId) -> Result<Option<Brief>, StoreError> {
    let mut select = transaction.prepare_cached(sql!("job/brief"))?;
    let mut rows = select.query([id.0.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let state = job_rows::state_of(row.get(2)?)?;
    let (number, method) = (row.get(0)?, row.get(1)?);
    Ok(Some(Brief { number, method, state, result: row.get(3)?, query_sample: row.get(4)? }))
}

/// Cancels a job that has not ended.
pub(super) fn terminate(
    transaction: &Transaction<'_>,
    id: JobId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let unended = |job: &Brief| matches!(job.state, JobState::Queued | JobState::InProgress);
    let Some(job) = brief(transaction, id)?.filter(unended) else {
        return Ok(false);
    };
    transaction.prepare_cached(sql!("job/terminate"))?.execute([job.number])?;
    stats::moved(transaction, &job.method, Some(job.state), Some(JobState::Terminated))?;
    ended(transaction, job.number, id, now)?;
    Ok(true)
}

/// Deletes a job with its result, query sample and files. Jobs that wait for it wait no longer.
pub(super) fn delete(transaction: &Transaction<'_>, id: JobId) -> Result<bool, StoreError> {
    let Some(job) = brief(transaction, id)? else {
        return Ok(false);
    };
    if let Some(result) = job.result {
        transaction.prepare_cached(sql!("result/delete"))?.execute([result])?;
    }
    if let Some(sample) = job.query_sample {
        modify::delete_rows(transaction, SampleId::new(sample))?;
    }
    let files = uploads::of_job(transaction, job.number)?;
    transaction.prepare_cached(sql!("job/delete"))?.execute([job.number])?;
    uploads::drop_unused(transaction, &files)?;
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
    let ended = transaction.prepare_cached(sql!("job/end_dependency"))?.execute([id.0.as_bytes()])?;
    if ended > 0 {
        let mut select = transaction.prepare_cached(sql!("job/dependants"))?;
        let jobs = select.query_map([id.0.as_bytes()], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        for number in jobs {
            turns::refresh(transaction, number)?;
        }
    }
    Ok(())
}
