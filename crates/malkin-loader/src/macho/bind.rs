//! Bindings of a Mach-O: which slot a loader fills with which function of which library. Bind opcodes of the dyld info and
//! chained fixups; nothing is applied.

use std::collections::BTreeMap;

use crate::bytes::{Bytes, NameBudget, sleb128, uleb128};
use crate::image::ApiName;
use crate::limits::{MAX_BOUND_SLOTS, MAX_LOOKUP_SEGMENTS};
use crate::macho::header::MachO;

/// Slot to imported symbol. Addresses are those of the file plus `adjustment`.
pub(crate) fn bindings(file: &MachO<'_>, adjustment: u64) -> BTreeMap<u64, ApiName> {
    let pointer = if file.wide { 8 } else { 4 };
    let mut found = Found {
        file,
        adjustment,
        slots: BTreeMap::new(),
        left: (file.bytes.len() / pointer).min(MAX_BOUND_SLOTS),
        names: NameBudget::of(file.bytes.len()),
    };
    for (kind, &(offset, size)) in file.link_edit.binds.iter().enumerate() {
        let _ = opcodes(file, file.bytes.upto(offset, size), kind == 2, &mut found);
    }
    let (offset, size) = file.link_edit.chained_fixups;
    if size != 0 {
        let _ = chained(file, offset, size, &mut found);
    } else if !file.link_edit.has_dyld_info {
        let _ = indirect(file, &mut found);
    }
    found.slots
}

/// Stubs and pointers by the indirect symbol table, as in files of linkers that write no bind opcodes (Go's among them).
/// Each entry of the table is the index of a symbol; a section has one entry for each stub or pointer, from `reserved1` on.
/// `None` where a section leaves the table: nothing after it counts.
///
/// [Mach-O loader.h](https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h)
fn indirect(file: &MachO<'_>, found: &mut Found<'_, '_>) -> Option<()> {
    let table = indirect_symbols(file);
    for section in &file.sections {
        let step = match section.flags & 0xff {
            S_SYMBOL_STUBS => u64::from(section.stub_size),
            S_NON_LAZY_SYMBOL_POINTERS
            | S_LAZY_SYMBOL_POINTERS
            | S_LAZY_DYLIB_SYMBOL_POINTERS
            | S_THREAD_LOCAL_VARIABLE_POINTERS => {
                if file.wide {
                    8
                } else {
                    4
                }
            }
            _ => 0,
        };
        let first = u64::from(section.first_indirect);
        for index in 0..section.size.checked_div(step).unwrap_or(0) {
            let entry = usize::try_from(first.checked_add(index)?).ok()?;
            if let Some((name, ordinal)) = *table.get(entry)? {
                found.insert(section.address.wrapping_add(step * index), ordinal, name)?;
            }
        }
    }
    Some(())
}

const S_NON_LAZY_SYMBOL_POINTERS: u32 = 6;
const S_LAZY_SYMBOL_POINTERS: u32 = 7;
const S_SYMBOL_STUBS: u32 = 8;
const S_LAZY_DYLIB_SYMBOL_POINTERS: u32 = 0x10;
const S_THREAD_LOCAL_VARIABLE_POINTERS: u32 = 0x14;

/// Name and library ordinal of each indirect symbol; `None` for local and absolute ones. Indices that no symbol has are left
/// out, so that later ones move up, as with lief.
fn indirect_symbols<'a>(file: &MachO<'a>) -> Vec<Option<(&'a [u8], i64)>> {
    const INDIRECT_SYMBOL_LOCAL: u32 = 0x8000_0000;
    const INDIRECT_SYMBOL_ABS: u32 = 0x4000_0000;
    let (offset, count) = file.link_edit.indirect_symbols;
    (0..count.min(MAX_BOUND_SLOTS))
        .map_while(|index| file.bytes.u32(offset.checked_add(4 * index)?))
        .filter_map(|index| {
            if matches!(index, INDIRECT_SYMBOL_LOCAL | INDIRECT_SYMBOL_ABS) {
                return Some(None);
            }
            let (name, description) = crate::macho::symbol::record(file, u64::from(index))?;
            Some(Some((name, i64::from(description >> 8))))
        })
        .collect()
}

struct Found<'f, 'a> {
    file: &'f MachO<'a>,
    adjustment: u64,
    slots: BTreeMap<u64, ApiName>,
    left: u64,
    names: NameBudget,
}

impl Found<'_, '_> {
    /// Records a slot; `None` when too many were.
    fn insert(&mut self, address: u64, ordinal: i64, name: &[u8]) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        let Ok(name) = std::str::from_utf8(name) else { return Some(()) };
        if address == 0 || name.is_empty() {
            return Some(());
        }
        let index = usize::try_from(ordinal).ok().and_then(|ordinal| ordinal.checked_sub(1));
        let library = index.and_then(|index| self.file.libraries.get(index)).copied().unwrap_or_default();
        let library = std::str::from_utf8(library).unwrap_or_default().to_lowercase();
        self.names.keep(name.as_bytes())?;
        self.names.keep(library.as_bytes())?;
        let api = ApiName { library: Some(library), name: name.to_owned() };
        self.slots.insert(address.wrapping_add(self.adjustment), api);
        Some(())
    }
}

/// Runs a bind opcode stream. `None` at its end or where it is broken.
fn opcodes(file: &MachO<'_>, data: &[u8], lazy: bool, found: &mut Found<'_, '_>) -> Option<()> {
    let pointer = if file.wide { 8 } else { 4 };
    let mut at = 0;
    let (mut ordinal, mut name, mut address): (i64, &[u8], u64) = (0, &[], 0);
    // Where the slots of the present segment end: no opcode binds beyond it, whatever its count.
    let mut end = 0;
    loop {
        file.bytes.work(1).then_some(())?;
        let byte = *data.get(at)?;
        at += 1;
        let immediate = byte & 15;
        match byte >> 4 {
            // The end of one lazy binding; otherwise the end of all (below).
            0 if lazy => {}
            1 => ordinal = i64::from(immediate),
            2 => ordinal = uleb128(data, &mut at)? as i64,
            3 => ordinal = if immediate == 0 { 0 } else { i64::from((immediate | 0xf0) as i8) },
            4 => {
                let rest = data.get(at..)?;
                let end = memchr::memchr(0, rest)?;
                name = rest.get(..end)?;
                at += end + 1;
            }
            5 => {}
            6 => {
                sleb128(data, &mut at)?;
            }
            7 => {
                let segment = file.segments.get(usize::from(immediate))?;
                address = segment.address.wrapping_add(uleb128(data, &mut at)?);
                end = segment.address.saturating_add(segment.memory_size);
            }
            8 => address = address.wrapping_add(uleb128(data, &mut at)?),
            9..=11 if address >= end => return None,
            9 => {
                found.insert(address, ordinal, name)?;
                address = address.wrapping_add(pointer);
            }
            10 => {
                found.insert(address, ordinal, name)?;
                address = address.wrapping_add(uleb128(data, &mut at)?).wrapping_add(pointer);
            }
            11 => {
                found.insert(address, ordinal, name)?;
                address = address.wrapping_add(u64::from(immediate) * pointer + pointer);
            }
            12 => {
                let count = uleb128(data, &mut at)?;
                let skip = uleb128(data, &mut at)?;
                for _ in 0..count {
                    if address >= end {
                        return None;
                    }
                    found.insert(address, ordinal, name)?;
                    address = address.wrapping_add(skip).wrapping_add(pointer);
                }
            }
            _ => return None,
        }
    }
}

/// Imports of chained fixups with the slots their chains reach.
fn chained(file: &MachO<'_>, offset: u64, size: u64, found: &mut Found<'_, '_>) -> Option<()> {
    let fixups = file.bytes.part(file.bytes.exact(offset, size)?);
    let starts = u64::from(fixups.u32(4)?);
    let segments = u64::from(fixups.u32(starts)?);
    for index in 0..segments.min(file.segments.len() as u64) {
        let info = u64::from(fixups.u32(starts + 4 + 4 * index)?);
        if info != 0 {
            segment_chains(file, fixups, starts + info, found)?;
        }
    }
    Some(())
}

fn segment_chains(file: &MachO<'_>, fixups: Bytes<'_>, info: u64, found: &mut Found<'_, '_>) -> Option<()> {
    let page_size = u64::from(fixups.u16(info + 4)?);
    let format = fixups.u16(info + 6)?;
    let segment = fixups.u64(info + 8)?;
    for page in 0..u64::from(fixups.u16(info + 20)?) {
        let start = fixups.u16(info + 22 + 2 * page)?;
        // 0xffff: no fixups on the page; the high bit announces several chains, which no 64-bit format has.
        if start & 0x8000 == 0 {
            let first = segment.wrapping_add(page * page_size).wrapping_add(u64::from(start));
            chain(file, fixups, format, first, found)?;
        }
    }
    Some(())
}

/// One chain from an offset relative to the image base.
fn chain(
    file: &MachO<'_>,
    fixups: Bytes<'_>,
    format: u16,
    first: u64,
    found: &mut Found<'_, '_>,
) -> Option<()> {
    let mut offset = first;
    loop {
        let address = file.image_base().wrapping_add(offset);
        let at = file_offset(file, address)?;
        let (bind, ordinal, next) = match format {
            // Authenticated pointers: ordinal of 16 or 24 bits, steps of 8 bytes.
            1 | 9 | 12 => {
                let value = file.bytes.u64(at)?;
                let ordinal = value & if format == 12 { 0xff_ffff } else { 0xffff };
                (value >> 62 & 1 != 0, ordinal, (value >> 51 & 0x7ff) * 8)
            }
            2 | 6 => {
                let value = file.bytes.u64(at)?;
                (value >> 63 != 0, value & 0xff_ffff, (value >> 51 & 0xfff) * 4)
            }
            3 => {
                let value = u64::from(file.bytes.u32(at)?);
                (value >> 31 != 0, value & 0xf_ffff, (value >> 26 & 0x1f) * 4)
            }
            _ => return None,
        };
        if bind {
            let (library, name) = import(fixups, ordinal)?;
            found.insert(address, library, name)?;
        }
        if next == 0 {
            return Some(());
        }
        found.left = found.left.checked_sub(1)?;
        offset = offset.checked_add(next)?;
    }
}

fn file_offset(file: &MachO<'_>, address: u64) -> Option<u64> {
    let holder = file
        .segments
        .iter()
        .take(MAX_LOOKUP_SEGMENTS)
        .find(|segment| segment.address <= address && address - segment.address < segment.file_size)?;
    (address - holder.address).checked_add(holder.offset)
}

/// Library ordinal and name of an import row.
fn import(fixups: Bytes<'_>, index: u64) -> Option<(i64, &[u8])> {
    let imports = u64::from(fixups.u32(8)?);
    let strings = u64::from(fixups.u32(12)?);
    let format = fixups.u32(20)?;
    let size = match format {
        1 => 4,
        2 => 8,
        3 => 16,
        _ => return None,
    };
    let at = imports.checked_add(index.checked_mul(size)?)?;
    let (ordinal, name) = if format == 3 {
        let raw = fixups.u64(at)?;
        (i64::from(raw as u16 as i16), raw >> 32)
    } else {
        let raw = fixups.u32(at)?;
        (i64::from(raw as u8 as i8), u64::from(raw >> 9))
    };
    Some((ordinal, fixups.c_bytes(strings.checked_add(name)?)?))
}
