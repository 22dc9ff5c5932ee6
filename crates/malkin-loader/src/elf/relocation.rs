//! Relocations of an ELF, as far as they name imported functions: the slot a loader would fill, and the symbol it would
//! fill it with. None is applied.

use std::collections::BTreeMap;

use crate::bytes::NameBudget;
use crate::elf::dynamic::{Dynamic, RelocationTable, section_relocation_tables};
use crate::elf::header::Elf;
use crate::elf::symbol::Symbol;
use crate::image::ApiName;
use crate::limits::MAX_RELOCATIONS;

/// One relocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) address: u64,
    pub(crate) symbol: u32,
}

/// Entries of a table, as far as the file goes.
pub(crate) fn entries<'e>(elf: &'e Elf<'_>, table: &RelocationTable) -> impl Iterator<Item = Entry> + 'e {
    let size = elf.pointer() * if table.with_addend { 3 } else { 2 };
    let offset = table.offset;
    (0..(table.size / size).min(MAX_RELOCATIONS)).map_while(move |index| {
        let at = offset.checked_add(size * index)?;
        let info = elf.bytes.word(at.checked_add(elf.pointer())?, elf.wide)?;
        let symbol = if elf.wide { info >> 32 } else { info >> 8 };
        Some(Entry { address: elf.bytes.word(at, elf.wide)?, symbol: symbol as u32 })
    })
}

/// Slot to imported function: undefined function symbols that relocations name. Tables found through the dynamic table
/// count first; section headers add what is not loaded, or everything when there is no dynamic relocation.
pub(crate) fn imports(
    elf: &Elf<'_>,
    dynamic: &Dynamic<'_, '_>,
    symbols: &[Symbol<'_>],
    static_symbols: &[Symbol<'_>],
) -> BTreeMap<u64, ApiName> {
    let versions = dynamic.versions(symbols.len());
    let imported = |entry: Entry, further: &[Symbol<'_>]| {
        let at = usize::try_from(entry.symbol).ok().filter(|&at| at != 0)?;
        let symbol = symbols.get(at).or_else(|| further.get(at))?;
        let name =
            symbol.name.filter(|name| !name.is_empty() && symbol.is_imported() && symbol.is_function())?;
        let version = versions.get(at).copied().flatten().filter(|version| !version.is_empty());
        Some(ApiName { library: version.map(str::to_owned), name: name.to_owned() })
    };
    let mut found = BTreeMap::new();
    // Many tables may lie over one another, and many entries may have one long name.
    let mut left = MAX_RELOCATIONS;
    let mut names = NameBudget::of(elf.bytes.len());
    // Only tables found by section headers may name symbols of the static table.
    let mut insert = |table: &RelocationTable, replace: bool, further: &[Symbol<'_>]| {
        for entry in entries(elf, table) {
            left = left.checked_sub(1)?;
            if !replace && found.contains_key(&entry.address) {
                continue;
            }
            if let Some(api) = imported(entry, further) {
                names.keep(api.name.as_bytes())?;
                found.insert(entry.address, api);
            }
        }
        Some(())
    };
    let (mut complete, mut any) = (true, dynamic.has_relative_relocations());
    for table in dynamic.relocation_tables() {
        any |= entries(elf, &table).next().is_some();
        complete = complete && insert(&table, true, &[]).is_some();
    }
    if complete {
        let tables = section_relocation_tables(elf, any);
        let _ = tables.iter().try_for_each(|table| insert(table, false, static_symbols));
    }
    found
}
