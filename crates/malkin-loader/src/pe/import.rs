//! Import and delay import tables of a PE: slot address to library and name. Parsing stops where lief stops.

use std::collections::BTreeMap;

use crate::bytes::MAX_NAME;
use crate::image::ApiName;
use crate::label::ordinal;
use crate::limits::MAX_IMPORTS;
use crate::pe::header::{Directory, Pe};

/// Slot to imported function, of the import table and over it the delay import table. Addresses are relative to `base`.
pub(crate) fn imports(pe: &Pe<'_>, base: u64) -> BTreeMap<u64, ApiName> {
    let mut found = BTreeMap::new();
    let mut budget = MAX_IMPORTS;
    import_table(pe, base, &mut found, &mut budget);
    delay_import_table(pe, base, &mut found, &mut budget);
    found
}

/// Library names of the import table, in file order and spelling.
pub(crate) fn libraries<'a>(pe: &Pe<'a>) -> Vec<&'a [u8]> {
    descriptors(pe).map(|descriptor| descriptor.library).collect()
}

struct Descriptor<'a> {
    library: &'a [u8],
    lookup_rva: u64,
    address_rva: u64,
}

/// Valid rows of the import directory; rows with an unusable library name are skipped.
fn descriptors<'a>(pe: &Pe<'a>) -> impl Iterator<Item = Descriptor<'a>> {
    // lief reads no imports when the header ends before the directory of the address table, whatever that one holds.
    let present = pe.directory(Directory::ImportAddress).and_then(|_| pe.directory(Directory::Import));
    let (rva, size) = present.unwrap_or_default();
    let start = pe.offset(u64::from(rva));
    // The last row may begin inside the directory and end after it.
    let rows = if rva == 0 { 0 } else { u64::from(size).div_ceil(20).min(MAX_IMPORTS as u64) };
    (0..rows)
        .map_while(move |index| {
            let row = start.checked_add(20 * index)?;
            pe.bytes.exact(row, 20)?;
            let (lookup, name, address) =
                (pe.bytes.u32(row)?, pe.bytes.u32(row + 12)?, pe.bytes.u32(row + 16)?);
            (name != 0 || address != 0 || lookup != 0).then_some((lookup, name, address))
        })
        .take_while(|&(_, name, _)| name != 0)
        .filter_map(move |(lookup, name, address)| {
            let library = pe.name_at(u64::from(name))?;
            is_library_name(library).then_some(Descriptor {
                library,
                lookup_rva: u64::from(lookup),
                address_rva: u64::from(address),
            })
        })
}

fn import_table(pe: &Pe<'_>, base: u64, found: &mut BTreeMap<u64, ApiName>, budget: &mut usize) {
    for descriptor in descriptors(pe) {
        let library = lower(descriptor.library);
        for (index, value) in thunks(pe, descriptor.lookup_rva, descriptor.address_rva).enumerate() {
            if *budget == 0 {
                return;
            }
            *budget -= 1;
            let Some(name) = function_name(pe, value, &library) else { continue };
            *budget = budget.saturating_sub(name.len() / NAME_COST);
            let slot = (descriptor.address_rva + index as u64 * slot_size(pe)) & u64::from(u32::MAX);
            insert(found, base.wrapping_add(slot), &library, name);
        }
    }
}

/// Values of the lookup table, or of the address table where that has none, until both are zero.
fn thunks<'a>(pe: &'a Pe<'_>, lookup_rva: u64, address_rva: u64) -> impl Iterator<Item = u64> + 'a {
    let size = slot_size(pe);
    let at = move |rva: u64| (rva != 0).then(|| pe.offset(rva));
    let (lookup, address) = (at(lookup_rva), at(address_rva));
    let read = move |start: Option<u64>, index: u64| {
        start.and_then(|start| pe.bytes.word(start.checked_add(index * size)?, pe.wide)).unwrap_or(0)
    };
    (0_u64..)
        .map(move |index| (read(lookup, index), read(address, index)))
        .take_while(|&(by_lookup, by_address)| by_lookup != 0 || by_address != 0)
        .map(|(by_lookup, by_address)| if by_lookup == 0 { by_address } else { by_lookup })
}

fn slot_size(pe: &Pe<'_>) -> u64 {
    if pe.wide { 8 } else { 4 }
}

/// Name of an import: by ordinal, or from its hint/name entry. `None` for names lief rejects.
///
/// An [ordinal](https://learn.microsoft.com/en-us/windows/win32/debug/pe-format#import-lookup-table) has nothing set between
/// its flag and its 16 bits. Anything else is the RVA of a name, with all bits it has: values that a damaged or bound table
/// holds lead out of the file and give no name.
fn function_name(pe: &Pe<'_>, value: u64, library: &str) -> Option<String> {
    let flag = if pe.wide { 1 << 63 } else { 1 << 31 };
    let number = if value & flag == 0 { None } else { u16::try_from(value & !flag).ok() };
    if let Some(number) = number {
        return Some(ordinal::name(library, number).map_or_else(|| format!("#{number}"), str::to_owned));
    }
    let name = pe.bytes.c_bytes(pe.offset(value).checked_add(2)?)?;
    let valid =
        !name.is_empty() && name.len() <= MAX_IMPORT_NAME && name.iter().all(|&c| (0x20..0x7f).contains(&c));
    if valid { String::from_utf8(name.to_vec()).ok() } else { None }
}

/// A name of so many bytes counts as one more import.
const NAME_COST: usize = 64;
/// Longest import name lief accepts, in bytes.
const MAX_IMPORT_NAME: usize = 0x1000;

/// What lief takes for a DLL name: printable, 4 to 255 bytes.
fn is_library_name(name: &[u8]) -> bool {
    (4..=255).contains(&name.len()) && name.iter().all(|&c| (0x20..0x7f).contains(&c))
}

fn lower(name: &[u8]) -> String {
    std::str::from_utf8(name).map(str::to_lowercase).unwrap_or_default()
}

fn insert(found: &mut BTreeMap<u64, ApiName>, slot: u64, library: &str, name: String) {
    found.insert(slot, ApiName { library: Some(library.to_owned()), name });
}

fn delay_import_table(pe: &Pe<'_>, base: u64, found: &mut BTreeMap<u64, ApiName>, budget: &mut usize) {
    let Some((rva, size)) = pe.directory(Directory::DelayImport) else { return };
    if rva == 0 {
        return;
    }
    let start = pe.offset(u64::from(rva));
    for index in 0..u64::from(size).div_ceil(32) {
        let row = start.saturating_add(32 * index);
        if !delay_descriptor(pe, row, base, found, budget).unwrap_or(false) {
            return;
        }
    }
}

/// One delay import descriptor. `None` or `false` ends the table.
fn delay_descriptor(
    pe: &Pe<'_>,
    row: u64,
    base: u64,
    found: &mut BTreeMap<u64, ApiName>,
    budget: &mut usize,
) -> Option<bool> {
    // A row that is in the file, so that no address of its fields leaves 64 bits.
    if pe.bytes.exact(row, 32)?.iter().all(|&byte| byte == 0) {
        return Some(false);
    }
    let name_rva = pe.bytes.u32(row + 4)?;
    let address_rva = u64::from(pe.bytes.u32(row + 12)?);
    let names_rva = u64::from(pe.bytes.u32(row + 16)?);
    let library = pe.name_at(u64::from(name_rva))?;
    if library.len() > MAX_NAME || !is_library_name(library) {
        return Some(true);
    }
    let library = lower(library);
    let mut index = 0;
    // Only the name table counts: the address table of a delayed import holds addresses of code.
    for value in thunks(pe, names_rva, 0) {
        if *budget == 0 {
            return Some(false);
        }
        *budget -= 1;
        let Some(name) = function_name(pe, value, &library) else { continue };
        *budget = budget.saturating_sub(name.len() / NAME_COST);
        insert(found, base.wrapping_add(address_rva + index * slot_size(pe)), &library, name);
        index += 1;
    }
    Some(true)
}
