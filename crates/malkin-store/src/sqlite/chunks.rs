//! Chunks of disassembly as rows: written under consecutive numbers, read by the places of functions.
//!
//! Not here: what is in a chunk (`chunks` of the crate).

use malkin_report::FunctionId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::statements::sql;
use crate::chunks::{Chunk, PackedDisassembly, Place};
use crate::error::StoreError;

/// Writes the chunks under the numbers from `first` on.
pub(super) fn write(
    transaction: &Transaction<'_>,
    disassembly: &PackedDisassembly,
    first: i64,
) -> Result<(), StoreError> {
    let mut insert = transaction.prepare_cached(sql!("chunk/insert"))?;
    for (id, (codec, inflated, data)) in (first..).zip(disassembly.chunks()) {
        insert.execute(params![id, codec, inflated, data])?;
    }
    Ok(())
}

/// Reads the disassembly of functions; every chunk is inflated once, whatever the order of `ids`.
pub(super) fn read(connection: &Connection, ids: &[FunctionId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let mut place_of = connection.prepare_cached(sql!("function/place"))?;
    let mut wanted = Vec::with_capacity(ids.len());
    for (position, id) in ids.iter().enumerate() {
        let place = place_of.query_row([id.get()], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?))
        });
        if let Some((Some(chunk), Some(offset), Some(length))) = place.optional()? {
            wanted.push((position, Place { chunk, offset, length }));
        }
    }
    wanted.sort_by_key(|(_, place)| (place.chunk, place.offset));
    let mut found = vec![None; ids.len()];
    for group in wanted.chunk_by(|a, b| a.1.chunk == b.1.chunk) {
        let Some((_, Place { chunk, .. })) = group.first() else { continue };
        let mut chunk = open(connection, *chunk)?;
        for (position, place) in group {
            found[*position] = Some(chunk.text(*place)?);
        }
    }
    Ok(found)
}

fn open(connection: &Connection, number: i64) -> Result<Chunk, StoreError> {
    let mut read = connection.prepare_cached(sql!("chunk/by_id"))?;
    let mut rows = read.query([number])?;
    let Some(row) = rows.next()? else {
        return Err(Chunk::missing(number));
    };
    let data = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
    Chunk::open(number, row.get(0)?, row.get(1)?, data)
}
