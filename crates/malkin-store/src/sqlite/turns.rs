//! Whose job runs next: clients take turns, each with its best job.
//!
//! A job that has not ended has an entry for each client that asked for it. An entry is ready when the job waits for a
//! worker and for nothing else. A client with a ready entry has a place in the round of its lane; after each of its jobs it
//! goes to the end of the round. Places of clients without a ready entry are removed when a worker meets them. A claim
//! costs two look-ups by index, however many jobs wait.

use malkin_report::JobId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::statements::sql;
use super::{counters, job_rows};
use crate::error::StoreError;
use crate::jobs::{Ceiling, Lane, NewJob, Wanted};

/// Number of a lane in the columns `lane`.
fn lane_number(lane: Lane) -> i64 {
    match lane {
        Lane::Short => 0,
        Lane::Long => 1,
    }
}

/// The job that runs next.
pub(super) struct Next {
    pub(super) number: i64,
    pub(super) id: JobId,
    pub(super) method: String,
    pub(super) client: String,
    lane: i64,
}

/// State of the round.
#[derive(Default)]
pub(super) struct Look {
    pub(super) next: Option<Next>,
    /// Places of clients that have nothing ready.
    pub(super) stale: Vec<(i64, String)>,
}

/// Looks for the next job, in the order of the round.
pub(super) fn look(connection: &Connection, wanted: &Wanted<'_>) -> Result<Look, StoreError> {
    let mut look = Look::default();
    let mut turns = connection.prepare_cached(sql!("queue/turns"))?;
    let mut best = connection.prepare_cached(sql!("queue/best"))?;
    let mut rows = turns.query([lane_number(wanted.lane)])?;
    while let Some(row) = rows.next()? {
        let (lane, client): (i64, String) = (row.get(0)?, row.get(1)?);
        if wanted.except_clients.contains(&client) {
            continue;
        }
        let found = best
            .query_row(params![lane, client], |row| {
                Ok((row.get(0)?, JobId(job_rows::object_id(row, 1)?), row.get(2)?))
            })
            .optional()?;
        match found {
            None => look.stale.push((lane, client)),
            Some((_, id, _)) if wanted.delayed.contains(&id) => {}
            Some((number, id, method)) => {
                look.next = Some(Next { number, id, method, client, lane });
                break;
            }
        }
    }
    Ok(look)
}

/// Removes places from the round.
pub(super) fn leave(transaction: &Transaction<'_>, places: &[(i64, String)]) -> Result<(), StoreError> {
    let mut delete = transaction.prepare_cached(sql!("queue/leave"))?;
    for (lane, client) in places {
        delete.execute(params![lane, client])?;
    }
    Ok(())
}

/// The client of a job that is taken goes to the end of the round.
pub(super) fn taken(transaction: &Transaction<'_>, next: &Next) -> Result<(), StoreError> {
    to_the_end(transaction, next.lane, &next.client)
}

fn to_the_end(transaction: &Transaction<'_>, lane: i64, client: &str) -> Result<(), StoreError> {
    let turn = counters::take(transaction, counters::TURN, 1)?;
    transaction.prepare_cached(sql!("queue/set_turn"))?.execute(params![lane, client, turn])?;
    Ok(())
}

/// What a client has in the queue: jobs, and bytes of their files.
pub(super) fn load(connection: &Connection, client: &str) -> Result<(u64, u64), StoreError> {
    let mut select = connection.prepare_cached(sql!("queue/load"))?;
    let load = select.query_row([client], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    Ok((load.0 as u64, load.1 as u64))
}

/// Refuses a client that has too much in the queue for another job with a file of `file_bytes`.
pub(super) fn admit(connection: &Connection, job: &NewJob, file_bytes: u64) -> Result<(), StoreError> {
    let Some(Ceiling { jobs: most_jobs, file_bytes: most_bytes }) = job.ceiling else {
        return Ok(());
    };
    let (jobs, bytes) = load(connection, &job.client)?;
    let too_many_bytes = file_bytes > 0 && bytes > 0 && bytes.saturating_add(file_bytes) > most_bytes;
    if jobs >= most_jobs || too_many_bytes {
        let client = if job.client.is_empty() { "this client" } else { &job.client }.to_owned();
        return Err(StoreError::QueueFull { client, jobs, file_bytes: bytes });
    }
    Ok(())
}

/// Notes that a client waits for a job that has not ended.
pub(super) fn join(
    transaction: &Transaction<'_>,
    number: i64,
    job: &NewJob,
    file_bytes: u64,
) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("queue/insert"))?.execute(params![
        number,
        job.client,
        lane_number(job.lane),
        job.priority.saturating_neg(),
        i64::try_from(file_bytes).unwrap_or(i64::MAX),
    ])?;
    refresh(transaction, number)
}

/// Notes that a further client waits for a job.
pub(super) fn share(transaction: &Transaction<'_>, number: i64, client: &str) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("queue/share"))?.execute(params![number, client])?;
    refresh(transaction, number)
}

/// Marks the entries of a job as ready or not, as the job stands, and gives its clients a place in the round.
pub(super) fn refresh(transaction: &Transaction<'_>, number: i64) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("queue/set_ready"))?.execute([number])?;
    let mut select = transaction.prepare_cached(sql!("queue/ready_clients"))?;
    let clients = select.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let clients: Vec<(i64, String)> = clients.collect::<Result<_, _>>()?;
    let mut has_turn = transaction.prepare_cached(sql!("queue/has_turn"))?;
    for (lane, client) in &clients {
        if !has_turn.query_row(params![lane, client], |row| row.get::<_, bool>(0))? {
            to_the_end(transaction, *lane, client)?;
        }
    }
    Ok(())
}

/// A job has ended: nobody waits for it.
pub(super) fn ended(transaction: &Transaction<'_>, number: i64) -> Result<(), StoreError> {
    transaction.prepare_cached(sql!("queue/delete"))?.execute([number])?;
    Ok(())
}
