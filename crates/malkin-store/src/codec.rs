//! Bytes of columns that hold more than one value: packed block occurrences, and contents that are compressed when it helps.
//!
//! Disassembly comes in columns (`malkin_wire::columns`), which are compressed one by one.
//!
//! Block occurrences: count, then per block the distance of its offset from the one before (the first: from the entry of
//! the function), instructions, bytes, each a LEB128 number (the distance zigzag), and eight bytes hash, little endian.

use std::borrow::Cow;
use std::io::{self, Cursor, Read};

use malkin_report::{BlockHash, BlockOccurrence, Va};
use malkin_wire::columns::{COLUMNS, Columns};
use malkin_wire::leb128::{Numbers, put_distance, put_number};

use crate::error::StoreError;
use crate::jobs::Content;

/// Level of all compression here. On disassembly it is as small as levels 3 and 5 and twice as fast as 3; level 9 saves
/// 12 % of the disk at a tenth of the speed.
const LEVEL: i32 = 1;

/// Contents shorter than this are kept as they are.
const WORTH_COMPRESSING: usize = 256;

/// Largest content of one column when inflated, in bytes. SQLite's own limit for a value is 1,000,000,000.
pub(crate) const CONTENT_LIMIT: usize = 900_000_000;

/// Largest window of a content that is inflated while it is read, as a power of two: what [`LEVEL`] uses, and room for more.
const MAX_WINDOW_LOG: u32 = 21;

const AS_IS: i64 = 0;
const ZSTD: i64 = 1;
/// Disassembly in columns, each compressed for itself. Content of chunks only; those written before it came are [`ZSTD`].
pub(crate) const IN_COLUMNS: i64 = 2;

/// Content as it is stored.
#[derive(Debug)]
pub(crate) struct Packed<'a> {
    /// How to read `data`.
    pub(crate) codec: i64,
    /// Bytes when inflated.
    pub(crate) size: i64,
    /// The stored bytes.
    pub(crate) data: Cow<'a, [u8]>,
}

/// Compresses contents; keeps its working memory between them.
pub(crate) struct Packer {
    /// None if its memory cannot be had; then nothing is compressed.
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl Packer {
    /// A packer for any number of contents.
    pub(crate) fn new() -> Self {
        Self { compressor: zstd::bulk::Compressor::new(LEVEL).ok() }
    }

    /// Compresses if that makes it smaller. `what` names the content in the error for too much of it.
    pub(crate) fn pack<'a>(&mut self, what: &'static str, bytes: &'a [u8]) -> Result<Packed<'a>, StoreError> {
        if bytes.len() > CONTENT_LIMIT {
            return Err(StoreError::TooLarge { what, size: bytes.len(), limit: CONTENT_LIMIT });
        }
        let size = bytes.len() as i64;
        let worthwhile = self.compressor.as_mut().filter(|_| bytes.len() >= WORTH_COMPRESSING);
        Ok(match worthwhile.and_then(|compressor| compressor.compress(bytes).ok()) {
            Some(data) if data.len() < bytes.len() => Packed { codec: ZSTD, size, data: data.into() },
            _ => Packed { codec: AS_IS, size, data: bytes.into() },
        })
    }

    /// Compresses columns, each for itself, because like compresses best with like. Per column its size and its size as
    /// stored, doubled, with one added if it is compressed; then the columns.
    pub(crate) fn pack_columns(&mut self, columns: &Columns) -> Result<Packed<'static>, StoreError> {
        let mut head = Vec::new();
        let mut body = Vec::new();
        for column in columns.bytes() {
            let packed = self.pack("disassembly", column)?;
            put_number(&mut head, column.len() as u64);
            put_number(&mut head, (packed.data.len() as u64) << 1 | u64::from(packed.codec == ZSTD));
            body.extend_from_slice(&packed.data);
        }
        head.extend_from_slice(&body);
        Ok(Packed { codec: IN_COLUMNS, size: columns.len() as i64, data: head.into() })
    }
}

/// Reverses [`Packer::pack_columns`]. What is allocated is bounded by the stored size, as in [`unpack`].
pub(crate) fn unpack_columns(what: &str, size: i64, data: &[u8]) -> Result<[Vec<u8>; COLUMNS], StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { what: what.to_owned(), detail: detail.to_owned() };
    let mut sizes = [(0_i64, 0_usize, AS_IS); COLUMNS];
    let mut head = Numbers(data);
    for column in &mut sizes {
        let (inflated, stored) = head
            .take()
            .and_then(|inflated| Some((i64::try_from(inflated).ok()?, head.take()?)))
            .ok_or_else(|| damaged("its sizes cannot be read"))?;
        let codec = if stored & 1 == 1 { ZSTD } else { AS_IS };
        *column = (inflated, usize::try_from(stored >> 1).unwrap_or(usize::MAX), codec);
    }
    let total = sizes.iter().try_fold(0_i64, |total, column| total.checked_add(column.0));
    if total != Some(size) {
        return Err(damaged("its columns have another size than it"));
    }
    let mut data = head.0;
    let mut columns: [Vec<u8>; COLUMNS] = Default::default();
    for (column, (inflated, stored, codec)) in columns.iter_mut().zip(sizes) {
        let (packed, rest) = data.split_at_checked(stored).ok_or_else(|| damaged("it is cut off"))?;
        data = rest;
        *column = unpack(what, codec, inflated, packed)?;
    }
    if data.is_empty() { Ok(columns) } else { Err(damaged("something follows its columns")) }
}

/// [`Packer::pack`] for a single content.
pub(crate) fn pack<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Packed<'a>, StoreError> {
    Packer::new().pack(what, bytes)
}

/// Reverses [`pack`]. The stored size bounds what is allocated, whatever the compressed bytes claim.
pub(crate) fn unpack(what: &str, codec: i64, size: i64, data: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = |detail: String| StoreError::Damaged { what: what.to_owned(), detail };
    let limit = usize::try_from(size).ok().filter(|size| *size <= CONTENT_LIMIT);
    let limit = limit.ok_or_else(|| damaged(format!("a size of {size} bytes")))?;
    let bytes = match codec {
        AS_IS => data.to_vec(),
        ZSTD => zstd::bulk::decompress(data, limit).map_err(|error| damaged(error.to_string()))?,
        other => return Err(damaged(format!("unknown codec {other}"))),
    };
    if bytes.len() != limit {
        return Err(damaged(format!("{} bytes instead of {limit}", bytes.len())));
    }
    Ok(bytes)
}

/// As [`unpack`], inflated while it is read.
pub(crate) fn open_packed(what: &str, codec: i64, size: i64, data: &[u8]) -> Result<Content, StoreError> {
    let damaged = |detail: String| StoreError::Damaged { what: what.to_owned(), detail };
    let size = u64::try_from(size).ok().filter(|size| *size <= CONTENT_LIMIT as u64);
    let size = size.ok_or_else(|| damaged("its size cannot be read".to_owned()))?;
    let packed = Cursor::new(data.to_vec());
    let (held, reader): (usize, Box<dyn Read + Send>) = match codec {
        AS_IS => (data.len(), Box::new(packed.take(size))),
        ZSTD => {
            let open = || -> io::Result<_> {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                Ok(decoder)
            };
            let decoder = open().map_err(|error| damaged(error.to_string()))?;
            (data.len() + (1 << MAX_WINDOW_LOG), Box::new(decoder.take(size)))
        }
        other => return Err(damaged(format!("unknown codec {other}"))),
    };
    Ok(Content { size, held, reader })
}

/// Packs the block occurrences of a function with entry `entry`.
pub(crate) fn pack_blocks(entry: Va, blocks: &[BlockOccurrence]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(2 + blocks.len() * 13);
    put_number(&mut packed, blocks.len() as u64);
    let mut previous = entry.get();
    for block in blocks {
        put_distance(&mut packed, previous, block.offset.get());
        put_number(&mut packed, u64::from(block.length));
        put_number(&mut packed, u64::from(block.size));
        packed.extend_from_slice(&block.hash.get().to_le_bytes());
        previous = block.offset.get();
    }
    packed
}

/// Reverses [`pack_blocks`]; `None` if the bytes are not of this form.
pub(crate) fn unpack_blocks(entry: Va, packed: &[u8]) -> Option<Vec<BlockOccurrence>> {
    /// Shortest form of an occurrence, in bytes.
    const SHORTEST: usize = 11;
    let mut rest = Numbers(packed);
    let count = usize::try_from(rest.take()?).ok()?;
    if count > rest.0.len() / SHORTEST {
        return None;
    }
    let mut blocks = Vec::with_capacity(count);
    let mut previous = entry.get();
    for _ in 0..count {
        previous = rest.take_from(previous)?;
        let length = u32::try_from(rest.take()?).ok()?;
        let size = u32::try_from(rest.take()?).ok()?;
        let (hash, after) = rest.0.split_first_chunk::<8>()?;
        rest.0 = after;
        let hash = BlockHash::new(u64::from_le_bytes(*hash));
        blocks.push(BlockOccurrence { offset: Va::new(previous), length, size, hash });
    }
    rest.0.is_empty().then_some(blocks)
}

#[cfg(test)]
mod tests {
    use malkin_wire::columns::Xcfg;
    use proptest::prelude::*;

    use super::*;

    fn block() -> impl Strategy<Value = BlockOccurrence> {
        (any::<u64>(), any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(offset, length, size, hash)| {
            BlockOccurrence { offset: Va::new(offset), length, size, hash: BlockHash::new(hash) }
        })
    }

    proptest! {
        #[test]
        fn blocks_survive_packing(entry: u64, blocks in prop::collection::vec(block(), 0..20)) {
            let packed = pack_blocks(Va::new(entry), &blocks);
            prop_assert_eq!(unpack_blocks(Va::new(entry), &packed), Some(blocks));
        }

        #[test]
        fn any_bytes_are_read_or_refused(entry: u64, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(blocks) = unpack_blocks(Va::new(entry), &bytes) {
                prop_assert!(blocks.len() <= bytes.len() / 11);
            }
        }

        #[test]
        fn content_survives_packing(bytes in prop::collection::vec(0_u8..4, 0..2000)) {
            let packed = pack("content", &bytes).unwrap();
            prop_assert!(packed.data.len() <= bytes.len());
            prop_assert_eq!(unpack("content", packed.codec, packed.size, &packed.data).unwrap(), bytes);
        }
    }

    #[test]
    fn columns_survive_packing_and_damage_is_told() {
        let text = "[7,\"push\"]".repeat(200);
        let mut columns = Columns::default();
        columns.push(&Xcfg::from_text(text.as_bytes()));
        let packed = Packer::new().pack_columns(&columns).unwrap();
        assert!(packed.data.len() * 4 < text.len());
        let whole = unpack_columns("chunk", packed.size, &packed.data).unwrap();
        assert_eq!(whole.each_ref().map(Vec::as_slice), columns.bytes());
        for size in [packed.size - 1, packed.size + 1, -1, i64::MAX] {
            assert!(unpack_columns("chunk", size, &packed.data).is_err());
        }
        for length in 0..packed.data.len() {
            assert!(unpack_columns("chunk", packed.size, &packed.data[..length]).is_err(), "{length}");
        }
        let longer = [&packed.data[..], &[0]].concat();
        assert!(unpack_columns("chunk", packed.size, &longer).is_err());
    }

    #[test]
    fn a_size_that_does_not_fit_is_damage() {
        let bytes = vec![7; 1000];
        let packed = pack("content", &bytes).unwrap();
        assert_eq!(packed.codec, ZSTD);
        for size in [-1, 0, 999, 1001, i64::MAX] {
            let read = unpack("content", packed.codec, size, &packed.data);
            assert!(matches!(read, Err(StoreError::Damaged { .. })), "{size}: {read:?}");
        }
        assert!(unpack("content", 9, 1000, &packed.data).is_err());
    }
}
