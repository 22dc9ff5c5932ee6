//! x64 exception records: read from the declared table of a PE, or carved out of a buffer whose headers are gone. All
//! offsets are into the mapped image.

use crate::bytes::Bytes;
use crate::image::ExceptionRecord;

/// Size of a record in bytes: begin, end and unwind information, each an RVA.
const RECORD: u64 = 12;
/// Longest extent that is believed, in bytes.
const MAX_FUNCTION_SIZE: u64 = 0x10_0000;
/// Carving looks at every so many bytes, at three phases.
const STRIDE: u64 = 128;
/// Records in a row that make a carving seed.
const SEED_RECORDS: u64 = 4;
/// Records a carved table needs.
const MIN_RECORDS: u64 = 16;

/// Version 1 in the low three bits, flags 0 to 7 above.
fn is_unwind_start(first: u8) -> bool {
    first & 7 == 1 && first >> 3 <= 7
}

/// Records of a table declared at offsets `start..end`, up to the first one that begins at 0 or leaves the image.
pub(crate) fn declared(image: &[u8], base: u64, start: u64, end: u64) -> Vec<ExceptionRecord> {
    let bytes = Bytes::little(image);
    let count = end.saturating_sub(start) / RECORD;
    (0..count)
        .map_while(|index| {
            let raw = raw_record(bytes, start.checked_add(RECORD * index)?)?;
            (raw.begin != 0).then(|| record(bytes, base, raw, true))
        })
        .collect()
}

/// Records of the longest plausible table found in an image without headers; none if it is short.
pub(crate) fn carved(image: &[u8], base: u64) -> Vec<ExceptionRecord> {
    let bytes = Bytes::little(image);
    let (start, count) = locate(bytes);
    if count < MIN_RECORDS {
        return Vec::new();
    }
    (0..count)
        .filter_map(|index| raw_record(bytes, start + RECORD * index))
        .map(|raw| record(bytes, base, raw, false))
        .collect()
}

#[derive(Clone, Copy)]
struct RawRecord {
    begin: u64,
    end: u64,
    unwind: u64,
}

fn raw_record(bytes: Bytes<'_>, at: u64) -> Option<RawRecord> {
    Some(RawRecord {
        begin: u64::from(bytes.u32(at)?),
        end: u64::from(bytes.u32(at.checked_add(4)?)?),
        unwind: u64::from(bytes.u32(at.checked_add(8)?)?),
    })
}

fn record(bytes: Bytes<'_>, base: u64, raw: RawRecord, declared: bool) -> ExceptionRecord {
    let first = bytes.u8(raw.unwind);
    let plausible = raw.begin < raw.end
        && raw.end <= bytes.len()
        && raw.end - raw.begin <= MAX_FUNCTION_SIZE
        && raw.unwind.is_multiple_of(4)
        && first.is_some_and(is_unwind_start);
    ExceptionRecord {
        begin: base.wrapping_add(raw.begin),
        end: base.wrapping_add(raw.end),
        chained: first.is_some_and(|first| first >> 3 & 4 != 0),
        trusted: declared && plausible,
    }
}

/// A record that can follow one ending at `previous_end`.
fn plausible(bytes: Bytes<'_>, at: u64, previous_end: u64) -> Option<RawRecord> {
    let raw = raw_record(bytes, at)?;
    let ordered =
        raw.begin != 0 && raw.begin < raw.end && raw.end <= bytes.len() && raw.begin >= previous_end;
    let unwound = raw.unwind != 0 && raw.unwind < bytes.len() && raw.unwind.is_multiple_of(4);
    (ordered
        && unwound
        && raw.end - raw.begin <= MAX_FUNCTION_SIZE
        && bytes.u8(raw.unwind).is_some_and(is_unwind_start))
    .then_some(raw)
}

/// Number of records in a row from `at`, at most `limit`.
fn run_length(bytes: Bytes<'_>, at: u64, limit: u64) -> u64 {
    let mut previous_end = 0;
    let mut count = 0;
    while count < limit {
        let Some(raw) = plausible(bytes, at + RECORD * count, previous_end) else { break };
        previous_end = raw.end;
        count += 1;
    }
    count
}

/// Offset and length of the longest run of records.
fn locate(bytes: Bytes<'_>) -> (u64, u64) {
    let mut best = (0, 0);
    let mut offset = 0;
    while offset + SEED_RECORDS * RECORD <= bytes.len() {
        for seed in [offset, offset + 4, offset + 8] {
            if run_length(bytes, seed, SEED_RECORDS) < SEED_RECORDS {
                continue;
            }
            let start = first_of_run(bytes, seed);
            let count = run_length(bytes, start, bytes.len());
            if count > best.1 {
                best = (start, count);
            }
            offset = offset.max(start + count * RECORD);
            break;
        }
        offset += STRIDE;
    }
    best
}

/// Walks back from a record inside a run to its first one.
fn first_of_run(bytes: Bytes<'_>, seed: u64) -> u64 {
    let mut start = seed;
    while let Some(previous) = start.checked_sub(RECORD).and_then(|at| plausible(bytes, at, 0)) {
        if bytes.u32(start).is_none_or(|begin| previous.end > u64::from(begin)) {
            break;
        }
        start -= RECORD;
    }
    start
}
