//! Go's table of functions (`pclntab`): where it is and which functions it names. Versions 1.2 to 1.20 and later; layout as
//! in Go's `debug/gosym`.

use std::collections::BTreeMap;

use crate::bytes::{Bytes, NameBudget};
use crate::limits::MAX_SYMBOLS;
use crate::sparse::Sparse;

/// Layout of a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Version {
    Go12,
    Go116,
    Go118,
}

/// Names without an end are cut after so many bytes.
const MAX_OPEN_NAME: usize = 4096;

/// The version a magic stands for.
fn version(magic: u32) -> Option<Version> {
    match magic {
        0xffff_fffb => Some(Version::Go12),
        0xffff_fffa => Some(Version::Go116),
        0xffff_fff0 | 0xffff_fff1 => Some(Version::Go118),
        _ => None,
    }
}

/// A table found in an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    offset: u64,
}

/// Checks the header at an offset: magic, two zeros, instruction quantum, pointer size.
fn header(image: &[u8], offset: u64) -> Option<(Version, bool)> {
    let bytes = Bytes::little(image);
    let raw: [u8; 8] = *bytes.exact(offset, 8)?.first_chunk()?;
    let [a, b, c, d, 0, 0, 1 | 2 | 4, 4 | 8] = raw else { return None };
    version(u32::from_le_bytes([a, b, c, d]))
        .map(|version| (version, false))
        .or_else(|| version(u32::from_be_bytes([a, b, c, d])).map(|version| (version, true)))
}

/// The table of an image: at the offset the container hints at, if there is a header, else at the only header there is.
///
/// The hint is a file offset and applied to the mapped image, as SMDA does; that is why it is checked.
pub(crate) fn find(sparse: &Sparse<'_>, hint: Option<u64>) -> Option<Table> {
    let image = sparse.data();
    if let Some(offset) = hint.filter(|&offset| header(image, offset).is_some()) {
        return Some(Table { offset });
    }
    let mut hits: Option<u64> = None;
    for at in sparse.bytes_iter(0xff).map(|at| at as u64) {
        // The first of the four bytes is 0xff when the magic is big endian, else the byte behind it is.
        for offset in [at.checked_sub(1), Some(at)].into_iter().flatten() {
            if hits != Some(offset) && looks_like_header(image, offset) {
                if hits.is_some() {
                    return None;
                }
                hits = Some(offset);
            }
        }
    }
    hits.map(|offset| Table { offset })
}

fn looks_like_header(image: &[u8], offset: u64) -> bool {
    Bytes::little(image).exact(offset, 8).is_some_and(|raw| {
        let little = matches!(raw, [0xfb | 0xfa | 0xf0 | 0xf1, 0xff, 0xff, 0xff, ..]);
        let big = matches!(raw, [0xff, 0xff, 0xff, 0xfb | 0xfa | 0xf0 | 0xf1, ..]);
        (little || big) && matches!(raw, [_, _, _, _, 0, 0, 1 | 2 | 4, 4 | 8])
    })
}

/// Addresses and names of all functions of a table. `text` is where the container says code starts.
pub(crate) fn functions(image: &[u8], table: Table, text: Option<u64>) -> BTreeMap<u64, String> {
    read(image, table.offset, text).unwrap_or_default()
}

/// Names read so far, bounded over all functions.
struct Names<'a> {
    bytes: Bytes<'a>,
    start: u64,
    left: usize,
    found: BTreeMap<u64, String>,
}

impl Names<'_> {
    fn insert(&mut self, address: u64, name_offset: u64) {
        // Once nothing is left for names, they are not searched for either.
        let start = if self.left == 0 { None } else { self.start.checked_add(name_offset) };
        let name = start.and_then(|at| Some((at, self.bytes.c_bytes(at)?)));
        let (raw, ends) = match name {
            Some((at, raw)) => (raw, self.bytes.u8(at + raw.len() as u64) == Some(0)),
            None => (&[][..], false),
        };
        let raw = if ends { raw } else { raw.get(..MAX_OPEN_NAME).unwrap_or(raw) };
        let (raw, left) = match self.left.checked_sub(raw.len()) {
            Some(left) => (raw, left),
            None => (&[][..], 0),
        };
        self.left = left;
        self.found.insert(address, String::from_utf8_lossy(raw).replace('\u{b7}', "."));
    }
}

fn read(image: &[u8], offset: u64, text: Option<u64>) -> Option<BTreeMap<u64, String>> {
    let (version, big_endian) = header(image, offset)?;
    let bytes = Bytes::ordered(image, big_endian);
    let wide = bytes.u8(offset + 7)? == 8;
    let pointer = if wide { 8 } else { 4 };
    let field = |index: u64| bytes.word(offset + 8 + index * pointer, wide);
    let (count, names, table, start) = match version {
        Version::Go12 => (u64::from(bytes.u32(offset + 8)?), 0, if wide { 16 } else { 12 }, 0),
        Version::Go116 => (field(0)?, field(2)?, field(6)?, 0),
        Version::Go118 => (field(0)?, field(3)?, field(7)?, text.unwrap_or(field(2)?)),
    };
    let count = count.min(MAX_SYMBOLS as u64);
    let mut found = Names {
        bytes,
        start: offset.checked_add(names)?,
        left: NameBudget::of(bytes.len()).left(),
        found: BTreeMap::new(),
    };
    let table = offset.checked_add(table)?;
    if version == Version::Go12 {
        for index in 0..count {
            let row = table.checked_add(index * 2 * pointer)?;
            let (Some(entry), Some(info)) = (bytes.word(row, wide), bytes.word(row + pointer, wide)) else {
                break;
            };
            let name = info.checked_add(offset + pointer).and_then(|at| bytes.word(at, wide));
            if let Some(name) = name {
                found.insert(entry, name & u64::from(u32::MAX));
            }
        }
    } else {
        records(bytes, version, wide, table, count, start, &mut found);
    }
    Some(found.found)
}

/// From 1.16 on the function records follow the table of entries; each begins with its entry, which is searched for in
/// steps of four bytes.
fn records(
    bytes: Bytes<'_>,
    version: Version,
    wide: bool,
    table: u64,
    count: u64,
    start: u64,
    found: &mut Names<'_>,
) -> Option<()> {
    let wide_entry = version == Version::Go116 && wide;
    let step = if version == Version::Go116 && wide { 16 } else { 8 };
    let entry_at = |at: u64| bytes.word(at, wide_entry);
    let entries = (0..count).map_while(|index| entry_at(table.checked_add(index.checked_mul(step)?)?));
    let entries: Vec<u64> = entries.collect();
    let mut at = table.checked_add(step.checked_mul(entries.len() as u64)?)?;
    for entry in entries {
        while entry_at(at)? != entry {
            at += 4;
        }
        at += if wide_entry { 8 } else { 4 };
        let name = bytes.u32(at)?;
        at += 4;
        found.insert(entry.wrapping_add(start), u64::from(name));
    }
    Some(())
}
