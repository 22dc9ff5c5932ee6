//! Rows of jobs: read one by one or by filter.

use malkin_report::{JobId, ObjectId, ResultId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::samples::window;
use super::statements::sql;
use crate::error::StoreError;
use crate::jobs::{Job, JobFilter, JobState};
use crate::page::{After, PIECE_BYTES, PIECE_RECORDS, Page};
use crate::time::Timestamp;

/// Number of a state in the column `state`.
pub(super) fn state_number(state: JobState) -> i64 {
    match state {
        JobState::Queued => 0,
        JobState::InProgress => 1,
        JobState::Finished => 2,
        JobState::Failed => 3,
        JobState::Terminated => 4,
    }
}

/// Reverses [`state_number`].
pub(super) fn state_of(number: i64) -> Result<JobState, StoreError> {
    JobState::ALL.into_iter().find(|state| state_number(*state) == number).ok_or_else(|| {
        StoreError::Damaged { what: "job".to_owned(), detail: format!("unknown state {number}") }
    })
}

/// Reads an id of twelve bytes.
pub(super) fn object_id(row: &Row<'_>, column: usize) -> rusqlite::Result<ObjectId> {
    row.get(column).map(ObjectId::from_bytes)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Job> {
    let time = |column: usize| -> rusqlite::Result<_> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
    };
    Ok(Job {
        number: row.get::<_, i64>(0)? as u64,
        id: JobId(object_id(row, 1)?),
        method: row.get(2)?,
        params: row.get(3)?,
        file_params: row.get(4)?,
        descriptor: row.get(5)?,
        created_at: Timestamp::from_millis(row.get(6)?),
        started_at: time(7)?,
        finished_at: time(8)?,
        locked_at: time(9)?,
        locked_by: row.get(10)?,
        attempts_left: row.get(11)?,
        last_error: row.get(12)?,
        progress: row.get(13)?,
        result: row.get::<_, Option<[u8; 12]>>(14)?.map(|id| ResultId(ObjectId::from_bytes(id))),
        terminated: row.get(15)?,
        priority: row.get(16)?,
        notify_done: row.get(17)?,
        author: row.get(18)?,
        attempt: row.get(19)?,
        required_by: Vec::new(),
        all_dependencies: Vec::new(),
        unfinished_dependencies: Vec::new(),
    })
}

/// A job with its relations.
pub(super) fn by_id(connection: &Connection, id: JobId) -> Result<Option<Job>, StoreError> {
    let mut select = connection.prepare_cached(sql!("job/by_id"))?;
    let Some(mut job) = select.query_row([id.0.as_bytes()], from_row).optional()? else {
        return Ok(None);
    };
    add_relations(connection, &mut job)?;
    Ok(Some(job))
}

fn add_relations(connection: &Connection, job: &mut Job) -> Result<(), StoreError> {
    let mut required_by = connection.prepare_cached(sql!("job/required_by"))?;
    let rows = required_by.query_map([job.id.0.as_bytes()], |row| Ok(JobId(object_id(row, 0)?)))?;
    job.required_by = rows.collect::<Result<_, _>>()?;
    let mut dependencies = connection.prepare_cached(sql!("job/dependencies"))?;
    let mut rows = dependencies.query([job.number as i64])?;
    while let Some(row) = rows.next()? {
        let dependency = JobId(object_id(row, 0)?);
        job.all_dependencies.push(dependency);
        if !row.get::<_, bool>(1)? {
            job.unfinished_dependencies.push(dependency);
        }
    }
    Ok(())
}

/// Jobs by filter, newest first unless `ascending`.
pub(super) fn list(
    connection: &Connection,
    filter: &JobFilter,
    start: u64,
    limit: u64,
    ascending: bool,
) -> Result<Vec<Job>, StoreError> {
    let (condition, mut values) = condition(filter);
    let direction = if ascending { "ASC" } else { "DESC" };
    let text = format!("{}{condition}\nORDER BY number {direction} LIMIT ? OFFSET ?", sql!("job/select"));
    let [offset, count] = window(Page { start, limit });
    values.extend([Value::Integer(count), Value::Integer(offset)]);
    let mut select = connection.prepare_cached(&text)?;
    let mut jobs: Vec<Job> =
        select.query_map(params_from_iter(values), from_row)?.collect::<Result<_, _>>()?;
    for job in &mut jobs {
        add_relations(connection, job)?;
    }
    Ok(jobs)
}

/// A piece of the listing of jobs.
pub(super) fn piece(
    connection: &Connection,
    filter: &JobFilter,
    after: After,
    ascending: bool,
) -> Result<Vec<Job>, StoreError> {
    let (mut condition, mut values) = condition(filter);
    if let Some(number) = after.number {
        condition.push_str(if values.is_empty() { "\nWHERE " } else { " AND " });
        condition.push_str(if ascending { "number > ?" } else { "number < ?" });
        values.push(Value::Integer(number));
    }
    let direction = if ascending { "ASC" } else { "DESC" };
    let text = format!("{}{condition}\nORDER BY number {direction} LIMIT ? OFFSET ?", sql!("job/select"));
    let [offset, count] = window(Page { start: after.skip, limit: PIECE_RECORDS as u64 });
    values.extend([Value::Integer(count), Value::Integer(offset)]);
    let mut select = connection.prepare_cached(&text)?;
    let mut rows = select.query(params_from_iter(values))?;
    let (mut jobs, mut bytes) = (Vec::new(), 0);
    while bytes < PIECE_BYTES
        && let Some(row) = rows.next()?
    {
        let mut job = from_row(row)?;
        add_relations(connection, &mut job)?;
        bytes += job.params.len() + job.file_params.len() + job.descriptor.len();
        bytes += job.last_error.as_ref().map_or(0, String::len);
        bytes += 12 * (job.required_by.len() + job.all_dependencies.len());
        jobs.push(job);
    }
    Ok(jobs)
}

/// Ids of the jobs a filter selects.
pub(super) fn ids(connection: &Connection, filter: &JobFilter) -> Result<Vec<JobId>, StoreError> {
    let (condition, values) = condition(filter);
    let mut select = connection.prepare_cached(&format!("SELECT id FROM job{condition}"))?;
    let rows = select.query_map(params_from_iter(values), |row| Ok(JobId(object_id(row, 0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The filter as SQL: only the conditions it has, so that each combination finds its index.
fn condition(filter: &JobFilter) -> (String, Vec<Value>) {
    let mut text = String::new();
    let mut values = Vec::new();
    let mut add = |part: &str, value: Option<Value>| {
        if let Some(value) = value {
            text.push_str(if values.is_empty() { "\nWHERE " } else { " AND " });
            text.push_str(part);
            values.push(value);
        }
    };
    let time = |moment: Option<Timestamp>| moment.map(|moment| Value::Integer(moment.millis()));
    add("method = ?", filter.method.clone().map(Value::Text));
    add("state = ?", filter.state.map(|state| Value::Integer(state_number(state))));
    add("created_at < ?", time(filter.created_before));
    add("finished_at < ?", time(filter.finished_before));
    (text, values)
}
