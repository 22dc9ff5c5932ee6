//! Disassembly as stores keep it: that of consecutive functions of a sample, in columns compressed together in chunks, so that what
//! functions share is paid for once and one function can still be read by inflating some ten kilobytes.
//!
//! No SQL here: a backend stores the chunks of a [`PackedDisassembly`] as they are, with the place of each function, and
//! opens them again with [`Chunk::open`]. The bytes are described in `docs/formats.md`; columns are those of `malkin_wire::columns`.

use std::cell::RefCell;
use std::ops::Range;

use malkin_wire::columns::{COLUMNS, ColumnReader, Columns};
use rayon::prelude::*;

use crate::codec::{CONTENT_LIMIT, IN_COLUMNS, Packer, unpack, unpack_columns};
use crate::error::StoreError;
use crate::new_sample::NewFunction;

/// A chunk is closed once its columns have this many bytes, a quarter of the text they stand for. Twice as much saves 3 %
/// of the disk and doubles what reading one function costs.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where the disassembly of a function is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Chunk, counted from the first one of the sample.
    pub(crate) chunk: i64,
    /// Position among the functions of the chunk; in chunks of text the first byte in the inflated chunk.
    pub(crate) offset: i64,
    /// Bytes: of its columns; in chunks of text, of the text.
    pub(crate) length: i64,
}

/// The disassembly of a sample, compressed and ready to be written.
#[derive(Debug, Default)]
pub struct PackedDisassembly {
    chunks: Vec<(i64, i64, Vec<u8>)>,
    places: Vec<Option<Place>>,
}

impl PackedDisassembly {
    /// Compresses; done before the writer is taken, because it is much of the work of adding a sample.
    pub(crate) fn of(functions: &[NewFunction]) -> Result<Self, StoreError> {
        let mut places = Vec::with_capacity(functions.len());
        // The functions of each chunk: first and one past the last.
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
    pub(crate) fn num_functions(&self) -> usize {
        self.places.len()
    }

    /// Number of chunks.
    pub(crate) fn num_chunks(&self) -> i64 {
        self.chunks.len() as i64
    }

    /// Place of the n-th function.
    pub(crate) fn place(&self, function: usize) -> Option<Place> {
        self.places.get(function).copied().flatten()
    }

    /// The chunks in order: how to read each of them, bytes when inflated, the stored bytes.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (i64, i64, &[u8])> {
        self.chunks.iter().map(|(codec, inflated, data)| (*codec, *inflated, data.as_slice()))
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

/// A chunk as it was found, inflated.
pub(crate) enum Chunk {
    /// Texts of functions.
    Text(Vec<u8>),
    /// Columns of functions.
    Columns(Box<OpenColumns>),
}

/// Columns of functions, of which some were read.
pub(crate) struct OpenColumns {
    columns: [Vec<u8>; COLUMNS],
    /// Bytes of each column that were read.
    read: [usize; COLUMNS],
    /// The functions so far: text, bytes of its columns.
    texts: Vec<(Vec<u8>, usize)>,
}

impl Chunk {
    /// Inflates the stored bytes of a chunk. `number` names it in errors.
    pub(crate) fn open(number: i64, codec: i64, size: i64, data: &[u8]) -> Result<Self, StoreError> {
        let what = what(number);
        Ok(if codec == IN_COLUMNS {
            let columns = unpack_columns(&what, size, data)?;
            Self::Columns(Box::new(OpenColumns { columns, read: [0; COLUMNS], texts: Vec::new() }))
        } else {
            Self::Text(unpack(&what, codec, size, data)?)
        })
    }

    /// The error for a chunk that a function names and the store does not have.
    pub(crate) fn missing(number: i64) -> StoreError {
        StoreError::Damaged { what: what(number), detail: "it is missing".to_owned() }
    }

    /// The text of one function. Those before it in the same chunk are read as well, once.
    pub(crate) fn text(&mut self, place: Place) -> Result<Vec<u8>, StoreError> {
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
