//! Disassembly: that of consecutive functions of a sample, in columns compressed together in chunks, so that what functions
//! share is paid for once and one function is still readable by inflating some ten kilobytes.

use std::cell::RefCell;
use std::ops::Range;

use malkin_report::FunctionId;
use malkin_wire::columns::{COLUMNS, ColumnReader, Columns};
use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::codec::{CONTENT_LIMIT, IN_COLUMNS, Packer, unpack, unpack_columns};
use super::engine::sql;
use crate::catalogue::NewFunction;
use crate::error::StoreError;

/// A chunk is closed once its columns have this many bytes, a quarter of the text they stand for. Twice as much saves 3 %
/// of the disk and doubles what reading one function costs.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where the disassembly of a function is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Chunk, counted from the first one of the sample.
    pub(super) chunk: i64,
    /// Position among the functions of the chunk; in chunks of text the first byte in the inflated chunk.
    pub(super) offset: i64,
    /// Bytes: of its columns; in chunks of text, of the text.
    pub(super) length: i64,
}

/// The disassembly of a sample, compressed and ready to be written.
#[derive(Debug, Default)]
pub struct PackedDisassembly {
    chunks: Vec<(i64, i64, Vec<u8>)>,
    places: Vec<Option<Place>>,
}

impl PackedDisassembly {
    /// Compresses; done before the writer is taken, because it is much of the work of adding a sample.
    pub(super) fn of(functions: &[NewFunction]) -> Result<Self, StoreError> {
        let mut places = Vec::with_capacity(functions.len());
        // The functions of each chunk: first and behind the last.
        let mut chunks: Vec<Range<usize>> = Vec::new();
        let (mut position, mut open) = (0, 0);
        for (at, function) in functions.iter().enumerate() {
            let length = function.xcfg.len();
            if length > CONTENT_LIMIT - CHUNK_BYTES {
                let limit = CONTENT_LIMIT - CHUNK_BYTES;
                return Err(StoreError::TooLarge {
                    what: "the disassembly of a function",
                    size: length,
                    limit,
                });
            }
            if function.xcfg.is_empty() {
                places.push(None);
                continue;
            }
            if chunks.is_empty() || open >= CHUNK_BYTES {
                chunks.push(at..at);
                (position, open) = (0, 0);
            }
            let chunk = chunks.len() as i64 - 1;
            places.push(Some(Place { chunk, offset: position, length: length as i64 }));
            position += 1;
            open += length;
            if let Some(chunk) = chunks.last_mut() {
                chunk.end = at + 1;
            }
        }
        let packed = chunks.into_par_iter().map(|chunk| packed_chunk(&functions[chunk]));
        Ok(Self { chunks: packed.collect::<Result<_, _>>()?, places })
    }

    /// Number of functions it was made of, with or without disassembly.
    pub(super) fn num_functions(&self) -> usize {
        self.places.len()
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

fn packed_chunk(functions: &[NewFunction]) -> Result<(i64, i64, Vec<u8>), StoreError> {
    thread_local! {
        /// Kept between chunks: its memory, a megabyte, takes as long to get as a chunk takes to compress.
        static PACKER: RefCell<(Packer, Columns)> = RefCell::new((Packer::new(), Columns::default()));
    }
    PACKER.with_borrow_mut(|(packer, columns)| {
        columns.clear();
        for function in functions {
            columns.push(&function.xcfg);
        }
        packer.pack_columns(columns).map(|packed| (packed.codec, packed.size, packed.data.into_owned()))
    })
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
        let mut chunk = Chunk::read(connection, *chunk)?;
        for (position, place) in group {
            found[*position] = Some(chunk.text(*place)?);
        }
    }
    Ok(found)
}

/// A chunk as it was found, inflated.
enum Chunk {
    /// Texts of functions.
    Text(Vec<u8>),
    /// Columns of functions.
    Columns(Box<OpenColumns>),
}

/// Columns of functions, of which some were read.
struct OpenColumns {
    columns: [Vec<u8>; COLUMNS],
    /// Bytes of each column that were read.
    read: [usize; COLUMNS],
    /// The functions so far: text, bytes of its columns.
    texts: Vec<(Vec<u8>, usize)>,
}

impl Chunk {
    fn read(connection: &Connection, chunk: i64) -> Result<Self, StoreError> {
        let what = what(chunk);
        let mut read = connection.prepare_cached(sql!("chunk/by_id"))?;
        let mut rows = read.query([chunk])?;
        let Some(row) = rows.next()? else {
            return Err(StoreError::Damaged { what, detail: "it is missing".to_owned() });
        };
        let (codec, size) = (row.get(0)?, row.get(1)?);
        let data = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        Ok(if codec == IN_COLUMNS {
            let columns = unpack_columns(&what, size, data)?;
            Self::Columns(Box::new(OpenColumns { columns, read: [0; COLUMNS], texts: Vec::new() }))
        } else {
            Self::Text(unpack(&what, codec, size, data)?)
        })
    }

    /// The text of one function. Those before it in the same chunk are read as well, once.
    fn text(&mut self, place: Place) -> Result<Vec<u8>, StoreError> {
        let damaged =
            |detail: &str| StoreError::Damaged { what: what(place.chunk), detail: detail.to_owned() };
        let offset = usize::try_from(place.offset).ok();
        let length = usize::try_from(place.length).ok();
        let outside = || damaged("a function lies outside of it");
        let (offset, length) = offset.zip(length).ok_or_else(outside)?;
        match self {
            Self::Text(text) => {
                let end = offset.checked_add(length);
                Ok(end.and_then(|end| text.get(offset..end)).ok_or_else(outside)?.to_vec())
            }
            Self::Columns(open) => {
                let OpenColumns { columns, read, texts } = &mut **open;
                let rest =
                    std::array::from_fn(|column| columns[column].get(read[column]..).unwrap_or_default());
                let mut reader = ColumnReader::new(rest);
                while texts.len() <= offset {
                    let before = size(reader.rest());
                    let mut text = Vec::new();
                    reader.next(&mut text).map_err(|error| damaged(&error.to_string()))?;
                    texts.push((text, before - size(reader.rest())));
                }
                let rest = reader.rest().map(<[u8]>::len);
                *read = std::array::from_fn(|column| columns[column].len() - rest[column]);
                let text = texts.get(offset).filter(|(_, size)| *size == length);
                Ok(text.ok_or_else(outside)?.0.clone())
            }
        }
    }
}

fn size(columns: [&[u8]; COLUMNS]) -> usize {
    columns.into_iter().map(<[u8]>::len).sum()
}

fn what(chunk: i64) -> String {
    format!("disassembly chunk {chunk}")
}
