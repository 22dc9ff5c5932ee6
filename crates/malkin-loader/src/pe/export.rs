//! Export table of a PE: named functions of this module. Forwarders and nameless ordinals are no functions here.

use std::collections::BTreeMap;

use crate::bytes::NameBudget;
use crate::limits::MAX_EXPORTS;
use crate::pe::header::{Directory, Pe};

/// A named local export.
#[derive(Clone, Debug)]
pub(crate) struct Export<'a> {
    pub(crate) rva: u32,
    pub(crate) name: &'a [u8],
}

/// Named local exports in the order of the address table.
pub(crate) fn exports<'a>(pe: &Pe<'a>) -> Vec<Export<'a>> {
    read(pe).unwrap_or_default()
}

fn read<'a>(pe: &Pe<'a>) -> Option<Vec<Export<'a>>> {
    let (rva, size) = pe.directory(Directory::Export)?;
    if rva == 0 {
        return None;
    }
    let directory = u64::from(rva)..u64::from(rva) + u64::from(size);
    let at = pe.offset(u64::from(rva));
    let field = |offset: u64| pe.bytes.u32(at.checked_add(offset)?);
    pe.bytes.exact(at, 40)?;
    let addresses = table(pe, field(28)?, field(20)?, 4);
    let names = names(pe, field(32)?, field(36)?, field(24)?);
    let found = (0..addresses.count).filter_map(|index| {
        let address = pe.bytes.u32(addresses.start + 4 * index)?;
        let name = names.get(&index)?;
        let local = !directory.contains(&u64::from(address));
        (local && !name.is_empty()).then_some(Export { rva: address, name })
    });
    Some(found.collect())
}

struct Table {
    start: u64,
    count: u64,
}

/// A table of `width`-byte entries: no longer than the file holds.
fn table(pe: &Pe<'_>, rva: u32, count: u32, width: u64) -> Table {
    let start = pe.offset(u64::from(rva));
    let room = pe.bytes.len().saturating_sub(start) / width;
    Table { start, count: u64::from(count).min(room).min(MAX_EXPORTS) }
}

/// Index into the address table to name: the last name of an index stays.
fn names<'a>(pe: &Pe<'a>, names_rva: u32, ordinals_rva: u32, count: u32) -> BTreeMap<u64, &'a [u8]> {
    let names = table(pe, names_rva, count, 4);
    let ordinals = table(pe, ordinals_rva, count, 2);
    let mut found = BTreeMap::new();
    let mut budget = NameBudget::of(pe.bytes.len());
    for row in 0..names.count.min(ordinals.count) {
        let (Some(name), Some(index)) =
            (pe.bytes.u32(names.start + 4 * row), pe.bytes.u16(ordinals.start + 2 * row))
        else {
            break;
        };
        if let Some(name) = pe.name_at(u64::from(name)).and_then(|name| budget.keep(name)) {
            found.insert(u64::from(index), name);
        }
    }
    found
}
