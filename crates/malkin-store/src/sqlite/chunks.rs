//! Disassembly: the JSON objects of consecutive functions of a sample, compressed together in chunks, so that the text
//! they share is paid for once and one function is still readable by inflating some ten kilobytes.

use malkin_report::FunctionId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::codec::{CONTENT_LIMIT, Packer, unpack};
use super::engine::sql;
use crate::catalogue::NewFunction;
use crate::error::StoreError;

/// A chunk is closed once it has this many bytes of JSON. Twice as much saves 2 % of the disk and doubles what reading
/// one function costs.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where the disassembly of a function is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Chunk, counted from the first one of the sample.
    pub(super) chunk: i64,
    /// First byte in the inflated chunk.
    pub(super) offset: i64,
    /// Bytes.
    pub(super) length: i64,
}

/// The disassembly of a sample, ready to be written.
#[derive(Debug, Default)]
pub(super) struct PackedDisassembly {
    chunks: Vec<(i64, i64, Vec<u8>)>,
    places: Vec<Option<Place>>,
}

impl PackedDisassembly {
    /// Compresses; done before the writer is taken, because it is most of the work of adding a sample.
    pub(super) fn of(functions: &[NewFunction]) -> Result<Self, StoreError> {
        let mut packer = Packer::new();
        let mut packed = Self { chunks: Vec::new(), places: Vec::with_capacity(functions.len()) };
        let mut open = Vec::with_capacity(CHUNK_BYTES * 2);
        for function in functions {
            let length = function.xcfg.len();
            if length > CONTENT_LIMIT - CHUNK_BYTES {
                let limit = CONTENT_LIMIT - CHUNK_BYTES;
                return Err(StoreError::TooLarge {
                    what: "the disassembly of a function",
                    size: length,
                    limit,
                });
            }
            let place =
                Place { chunk: packed.chunks.len() as i64, offset: open.len() as i64, length: length as i64 };
            packed.places.push((length > 0).then_some(place));
            open.extend_from_slice(&function.xcfg);
            if open.len() >= CHUNK_BYTES {
                packed.close(&mut packer, &mut open)?;
            }
        }
        packed.close(&mut packer, &mut open)?;
        Ok(packed)
    }

    fn close(&mut self, packer: &mut Packer, open: &mut Vec<u8>) -> Result<(), StoreError> {
        if !open.is_empty() {
            let packed = packer.pack("disassembly", open)?;
            let chunk = (packed.codec, packed.size, packed.data.into_owned());
            self.chunks.push(chunk);
            open.clear();
        }
        Ok(())
    }

    /// Number of chunks.
    pub(super) fn num_chunks(&self) -> i64 {
        self.chunks.len() as i64
    }

    /// Place of the n-th function.
    pub(super) fn place(&self, function: usize) -> Option<Place> {
        self.places.get(function).copied().flatten()
    }

    /// Writes the chunks under the numbers from `first` on.
    pub(super) fn write(&self, transaction: &Transaction<'_>, first: i64) -> Result<(), StoreError> {
        let mut insert = transaction.prepare_cached(sql!("chunk/insert"))?;
        for (id, (codec, inflated, data)) in (first..).zip(&self.chunks) {
            insert.execute(params![id, codec, inflated, data])?;
        }
        Ok(())
    }
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
    wanted.sort_by_key(|(_, place)| place.chunk);
    let mut found = vec![None; ids.len()];
    for group in wanted.chunk_by(|a, b| a.1.chunk == b.1.chunk) {
        let inflated = inflate(connection, group.first().map_or(0, |(_, place)| place.chunk))?;
        for (position, place) in group {
            let start = usize::try_from(place.offset).ok();
            let range =
                start.and_then(|start| Some(start..start.checked_add(usize::try_from(place.length).ok()?)?));
            let bytes = range.and_then(|range| inflated.get(range)).ok_or_else(|| StoreError::Damaged {
                what: format!("disassembly of function {}", ids[*position]),
                detail: format!("it ends outside of chunk {}", place.chunk),
            })?;
            found[*position] = Some(bytes.to_vec());
        }
    }
    Ok(found)
}

fn inflate(connection: &Connection, chunk: i64) -> Result<Vec<u8>, StoreError> {
    let what = format!("disassembly chunk {chunk}");
    let mut read = connection.prepare_cached(sql!("chunk/by_id"))?;
    let mut rows = read.query([chunk])?;
    let Some(row) = rows.next()? else {
        return Err(StoreError::Damaged { what, detail: "it is missing".to_owned() });
    };
    let data = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
    unpack(&what, row.get(0)?, row.get(1)?, data)
}
