//! `.eh_frame`: which address ranges its records declare, and which landing pads the exception tables behind them name.
//! Reads exactly the records SMDA reads; gimli, which understands more, is the cross-check of the tests. Deliberately not a
//! call frame interpreter.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::bytes::{Bytes, sleb128, uleb128};
use crate::image::Image;

/// Records read from one section.
const MAX_RECORDS: usize = 200_000;
/// Bytes read of one exception table.
const MAX_TABLE: usize = 0x1_0000;
/// Bytes of call-site tables decoded for one section.
const MAX_TABLE_BYTES: i64 = 8 << 20;
/// Bytes read of exception tables that decode to nothing.
const MAX_FAILED_BYTES: i64 = 256 << 20;

const PCREL: u8 = 0x10;
const INDIRECT: u8 = 0x80;
const OMIT: u8 = 0xff;

/// The section with its address, as found in the mapped image.
#[derive(Clone, Copy)]
pub(crate) struct FrameSection<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) address: u64,
    /// Size of a pointer in bytes.
    pub(crate) pointer: u64,
}

#[derive(Clone, Copy)]
struct Cie {
    pointer_encoding: u8,
    table_encoding: u8,
}

/// A record with a readable CIE: where its fields begin and end.
struct Fde {
    cie: Cie,
    start: usize,
    end: usize,
}

/// `[start, end)` of all records that declare a range, sorted.
pub(crate) fn frame_ranges(section: FrameSection<'_>) -> Vec<(u64, u64)> {
    let ranges = records(section).into_iter().filter_map(|fde| {
        let mut at = fde.start;
        range(section, &fde, &mut at)
    });
    let mut ranges: Vec<(u64, u64)> = ranges.filter(|(start, end)| end > start).collect();
    ranges.sort_unstable();
    ranges
}

/// The range a record declares; `at` moves behind it.
fn range(section: FrameSection<'_>, fde: &Fde, at: &mut usize) -> Option<(u64, u64)> {
    let field = *at;
    let start = value(section.data, at, fde.end, fde.cie.pointer_encoding, section.pointer)?;
    let length = value(section.data, at, fde.end, fde.cie.pointer_encoding & 15, section.pointer)?;
    let start = if fde.cie.pointer_encoding & 0x70 == PCREL {
        start + i128::from(section.address) + field as i128
    } else {
        start
    };
    let end = start.checked_add(length)?;
    (length >= 0).then_some(())?;
    Some((u64::try_from(start).ok()?, u64::try_from(end).unwrap_or(u64::MAX)))
}

/// A value of fixed size; LEB128 is not used for these fields.
fn value(data: &[u8], at: &mut usize, end: usize, encoding: u8, pointer: u64) -> Option<i128> {
    let (size, signed) = match encoding & 15 {
        0 => (pointer, false),
        2 => (2, false),
        3 => (4, false),
        4 => (8, false),
        10 => (2, true),
        11 => (4, true),
        12 => (8, true),
        _ => return None,
    };
    let next = at.checked_add(size as usize).filter(|&next| next <= end)?;
    let bytes = Bytes::little(data);
    let position = *at as u64;
    let raw = match size {
        2 => u64::from(bytes.u16(position)?),
        4 => u64::from(bytes.u32(position)?),
        _ => bytes.u64(position)?,
    };
    *at = next;
    let shift = 64 - 8 * size as u32;
    Some(if signed { i128::from((raw << shift) as i64 >> shift) } else { i128::from(raw) })
}

/// Walks the records until the terminator or a length that cannot be.
fn records(section: FrameSection<'_>) -> Vec<Fde> {
    let data = section.data;
    let bytes = Bytes::little(data);
    let mut cies: HashMap<usize, Option<Cie>> = HashMap::new();
    let mut found = Vec::new();
    let mut at = 0_usize;
    for _ in 0..MAX_RECORDS {
        let record = at;
        let Some(short) = bytes.u32(at as u64) else { break };
        let (length, header, id_size) = match short {
            0 => break,
            u32::MAX => match bytes.u64(at as u64 + 4) {
                Some(length) => (length, 12, 8),
                None => break,
            },
            length => (u64::from(length), 4, 4),
        };
        let id_at = at + header;
        let Some(end) = usize::try_from(length).ok().and_then(|length| id_at.checked_add(length)) else {
            break;
        };
        if end > data.len() || id_at + id_size > end {
            break;
        }
        let id = if id_size == 8 { bytes.u64(id_at as u64) } else { bytes.u32(id_at as u64).map(u64::from) };
        let Some(id) = id else { break };
        let body = id_at + id_size;
        if id == 0 {
            cies.insert(record, cie(data, body, end, section.pointer));
        } else {
            let owner = usize::try_from(id).ok().and_then(|id| id_at.checked_sub(id));
            if let Some(Some(cie)) = owner.and_then(|owner| cies.get(&owner)) {
                found.push(Fde { cie: *cie, start: body, end });
            }
        }
        at = end;
    }
    found
}

/// Reads a common information entry; `None` for forms that are not understood.
fn cie(data: &[u8], mut at: usize, end: usize, pointer: u64) -> Option<Cie> {
    let data = data.get(..end)?;
    let version = *data.get(at)?;
    at += 1;
    if !matches!(version, 1 | 3) {
        return None;
    }
    let rest = data.get(at..)?;
    let length = memchr::memchr(0, rest)?;
    let augmentation = rest.get(..length)?;
    at += length + 1;
    let sized = augmentation.first() == Some(&b'z');
    if !augmentation.is_empty() && (!sized || augmentation.iter().any(|c| !b"zRLPSB".contains(c))) {
        return None;
    }
    uleb128(data, &mut at)?;
    sleb128(data, &mut at)?;
    if version == 1 {
        data.get(at)?;
        at += 1;
    } else {
        uleb128(data, &mut at)?;
    }
    let mut cie = Cie { pointer_encoding: 0, table_encoding: OMIT };
    if sized {
        let length = usize::try_from(uleb128(data, &mut at)?).ok()?;
        let fields_end = at.checked_add(length).filter(|&fields_end| fields_end <= end)?;
        for field in augmentation.iter().skip(1) {
            if b"LPR".contains(field) && at >= fields_end {
                return None;
            }
            let byte = data.get(at).copied();
            match field {
                b'L' => cie.table_encoding = byte?,
                b'R' => cie.pointer_encoding = byte?,
                b'P' => {
                    at += 1;
                    value(data, &mut at, fields_end, byte?, pointer)?;
                    continue;
                }
                _ => continue,
            }
            at += 1;
        }
    }
    let known = cie.pointer_encoding & INDIRECT == 0 && matches!(cie.pointer_encoding & 0x70, 0 | PCREL);
    known.then_some(cie)
}

/// Bytes that may still be spent on exception tables.
struct Budget {
    tables: i64,
    failures: i64,
}

/// Landing pads of all records, ascending. A pad outside of its record's range does not count.
pub(crate) fn landing_pads(section: FrameSection<'_>, image: &Image) -> Vec<u64> {
    let mut pads = BTreeSet::new();
    // Table and function start to pads, and up to where they have been taken: many records may name one table.
    let mut decoded: HashMap<(u64, u64), (BTreeSet<u64>, u64)> = HashMap::new();
    let mut unreadable: HashSet<u64> = HashSet::new();
    let mut budget = Budget { tables: MAX_TABLE_BYTES, failures: MAX_FAILED_BYTES };
    for fde in records(section) {
        let Some((start, end, table)) = table_address(section, &fde) else { continue };
        let key = (table, start);
        let (found, taken) = match decoded.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                if unreadable.contains(&table) || budget.tables <= 0 || budget.failures <= 0 {
                    continue;
                }
                let data = image.bytes(table, MAX_TABLE);
                if data.is_empty() {
                    unreadable.insert(table);
                    continue;
                }
                let found = table_pads(data, table, start, section.pointer, &mut budget).unwrap_or_default();
                if found.is_empty() {
                    budget.failures -= data.len() as i64;
                }
                free.insert((found, start))
            }
        };
        if *taken < end {
            pads.extend(found.range(*taken..end));
            *taken = end;
        }
    }
    pads.into_iter().collect()
}

/// Range of a record and the address of its exception table.
fn table_address(section: FrameSection<'_>, fde: &Fde) -> Option<(u64, u64, u64)> {
    if fde.cie.table_encoding == OMIT {
        return None;
    }
    let mut at = fde.start;
    let (start, end) = range(section, fde, &mut at)?;
    let data = section.data.get(..fde.end)?;
    let length = uleb128(data, &mut at)?;
    (length != 0).then_some(())?;
    let field = at;
    let pointer = table_value(data, &mut at, fde.cie.table_encoding, section.pointer)?;
    (pointer != 0).then_some(())?;
    let table = if fde.cie.table_encoding & 0x70 == PCREL {
        pointer + i128::from(section.address) + field as i128
    } else {
        pointer
    };
    (end > start).then_some((start, end, u64::try_from(table).ok()?))
}

/// A value of an exception table, where LEB128 is usual.
fn table_value(data: &[u8], at: &mut usize, encoding: u8, pointer: u64) -> Option<i128> {
    match encoding & 15 {
        1 => uleb128(data, at).map(i128::from),
        9 => sleb128(data, at).map(i128::from),
        _ => value(data, at, data.len(), encoding, pointer),
    }
}

/// Landing pads of one exception table. `None` when the bytes are none.
fn table_pads(
    data: &[u8],
    address: u64,
    function: u64,
    pointer: u64,
    budget: &mut Budget,
) -> Option<BTreeSet<u64>> {
    let mut at = 0;
    let start_encoding = byte(data, &mut at)?;
    let mut base = i128::from(function);
    if start_encoding != OMIT {
        matches!(start_encoding & 0x70, 0 | PCREL).then_some(())?;
        base = table_value(data, &mut at, start_encoding, pointer)?;
        if start_encoding & 0x70 == PCREL {
            base += i128::from(address) + 1;
        }
    }
    if byte(data, &mut at)? != OMIT {
        uleb128(data, &mut at)?;
    }
    let encoding = byte(data, &mut at)?;
    (encoding & 0x70 == 0).then_some(())?;
    let length = uleb128(data, &mut at)?;
    let end = usize::try_from(length)
        .ok()
        .and_then(|length| at.checked_add(length))
        .filter(|&end| end <= data.len())?;
    (budget.tables > 0).then_some(())?;
    budget.tables -= length as i64;
    let data = data.get(..end)?;
    let mut pads = BTreeSet::new();
    while at < end {
        table_value(data, &mut at, encoding, pointer)?;
        table_value(data, &mut at, encoding, pointer)?;
        let pad = table_value(data, &mut at, encoding, pointer)?;
        uleb128(data, &mut at)?;
        if pad != 0 {
            pads.extend(u64::try_from(base + pad));
        }
    }
    Some(pads)
}

fn byte(data: &[u8], at: &mut usize) -> Option<u8> {
    let byte = data.get(*at).copied()?;
    *at += 1;
    Some(byte)
}
