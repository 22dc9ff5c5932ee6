//! Portable Executables: what a report and the recovery need to know of one. `layout` maps the way SMDA does; the other
//! parts see what lief sees.

mod exception;
mod export;
mod header;
mod import;
mod layout;
mod symbol;

use std::collections::{BTreeMap, BTreeSet};

use malkin_report::Architecture;

use crate::image::{ApiName, ExceptionRecord, Section, Tables};
use crate::label::demangle::{self, Speller};
use crate::mapping::{area, merge_areas};
use header::Directory;

pub(crate) use exception::carved as carve_exception_records;
pub(crate) use header::Pe;
pub(crate) use layout::{architecture, base_address, bitness, machine, map, pe_offset as header_offset};

/// Architecture of a PE file: a CLR header makes it CIL whatever the machine says.
pub(crate) fn file_architecture(data: &[u8], pe: Option<&Pe<'_>>) -> Option<Architecture> {
    let managed = pe.and_then(|pe| pe.directory(Directory::ClrHeader)).is_some_and(|(_, size)| size > 0);
    if managed { Some(Architecture::Cil) } else { architecture(data) }
}

/// Executable sections, merged.
pub(crate) fn code_areas(pe: &Pe<'_>, base: u64) -> Vec<(u64, u128)> {
    let areas = pe.sections.iter().filter(|row| row.is_executable()).filter_map(|row| {
        let start = base.checked_add(u64::from(row.virtual_address))?;
        (row.paged_size() > 0).then_some(area(start, u128::from(row.paged_size())))
    });
    merge_areas(areas.collect())
}

/// All sections.
pub(crate) fn sections(pe: &Pe<'_>, base: u64) -> Vec<Section> {
    let section = |row: &header::SectionRow<'_>| {
        let start = base.saturating_add(u64::from(row.virtual_address));
        let name = std::str::from_utf8(row.name).unwrap_or_default().to_owned();
        Section { name, start, end: u128::from(start) + u128::from(row.paged_size()) }
    };
    pe.sections.iter().map(section).collect()
}

/// x64 exception records: of the directory, else of a section named `.pdata`; carved when there are no sections.
pub(crate) fn exception_records(pe: &Pe<'_>, image: &[u8], base: u64) -> Vec<ExceptionRecord> {
    let directory = pe.directory(Directory::Exception).filter(|&(rva, size)| rva != 0 && size != 0);
    let section = || pe.sections.iter().find(|row| row.name == b".pdata");
    if let Some((rva, size)) = directory {
        return exception::declared(image, base, u64::from(rva), u64::from(rva) + u64::from(size));
    }
    match section() {
        Some(row) => {
            let start = u64::from(row.virtual_address);
            exception::declared(image, base, start, start + row.paged_size())
        }
        None if pe.sections.is_empty() => exception::carved(image, base),
        None => Vec::new(),
    }
}

/// Names with their addresses: of this module's symbols, and their raw spelling for the language evidence.
#[derive(Default)]
pub(crate) struct Names<'a> {
    /// Static tables of the report.
    pub(crate) tables: Tables,
    /// Function starts: entry point, exports, COFF symbols; later ones name an address.
    pub(crate) symbols: BTreeMap<u64, String>,
    /// Exported names as spelled.
    pub(crate) raw_exports: Vec<(u64, &'a str)>,
    /// Function symbols as spelled; the first one of an address comes first.
    pub(crate) raw_functions: Vec<(u64, &'a str)>,
    /// Every symbol as spelled.
    pub(crate) raw_symbols: Vec<&'a str>,
}

/// Reads all names. `base` is the active base address, which may differ from the header's.
pub(crate) fn names<'a>(pe: &Pe<'a>, base: u64) -> Names<'a> {
    let mut names = Names::default();
    for export in export::exports(pe) {
        if let Ok(name) = std::str::from_utf8(export.name) {
            names.raw_exports.push((base.wrapping_add(u64::from(export.rva)), name));
        }
    }
    for symbol in symbol::symbols(pe) {
        let Ok(name) = std::str::from_utf8(symbol.name) else { continue };
        names.raw_symbols.push(name);
        let row =
            usize::try_from(symbol.section).ok().and_then(|index| pe.sections.get(index.checked_sub(1)?));
        if let (true, Some(row)) = (symbol.is_function, row) {
            let address =
                base.wrapping_add(u64::from(row.virtual_address)).wrapping_add(u64::from(symbol.value));
            names.raw_functions.push((address, name));
        }
    }
    let exported = exported_functions(&names.raw_exports);
    let coff = coff_functions(&names.raw_functions);
    names.symbols.insert(base.wrapping_add(u64::from(pe.entry_point)), "original_entry_point".to_owned());
    for table in [&exported, &coff] {
        names.symbols.extend(table.iter().map(|(&address, name)| (address, name.clone())));
    }
    let mut all = exported.clone();
    all.extend(coff);
    names.tables = Tables {
        exported_symbols: exported.clone(),
        exported_functions: Some(exported),
        imported_functions: Some(import::imports(pe, base)),
        symbols: Some(all),
    };
    names
}

fn exported_functions(raw: &[(u64, &str)]) -> BTreeMap<u64, String> {
    let mut speller = Speller::new();
    raw.iter()
        .filter(|(_, name)| is_printable(name))
        .map(|&(at, name)| (at, speller.spell(name, demangle::pe_name)))
        .collect()
}

/// COFF functions; the first name of an address stays.
fn coff_functions(raw: &[(u64, &str)]) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut speller = Speller::new();
    for &(address, name) in raw {
        if is_printable(name) {
            found.entry(address).or_insert_with(|| speller.spell(name, demangle::pe_name));
        }
    }
    found
}

fn is_printable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|c| (0x20..0x7f).contains(&c))
}

/// Imported library names in lower case.
pub(crate) fn libraries(pe: &Pe<'_>) -> BTreeSet<String> {
    import::libraries(pe)
        .iter()
        .filter_map(|name| std::str::from_utf8(name).ok())
        .map(str::to_lowercase)
        .collect()
}

/// Slots of a file's imports. A mapped buffer has none: SMDA asks an API database there, and that is empty.
pub(crate) fn apis(tables: &Tables, is_buffer: bool) -> BTreeMap<u64, ApiName> {
    if is_buffer { BTreeMap::new() } else { tables.imported_functions.clone().unwrap_or_default() }
}

/// File offset and virtual address of a named section.
pub(crate) fn section<'p>(pe: &'p Pe<'_>, name: &[u8]) -> Option<&'p header::SectionRow<'p>> {
    pe.sections.iter().find(|row| row.name == name)
}

/// Value of the first symbol of a name.
pub(crate) fn symbol_value(pe: &Pe<'_>, names: &[&[u8]]) -> Option<u64> {
    symbol::symbols(pe)
        .iter()
        .find(|symbol| names.contains(&symbol.name))
        .map(|symbol| u64::from(symbol.value))
}

/// Offsets of the sections marked as code in the mapped image.
pub(crate) fn code_sections(pe: &Pe<'_>) -> Vec<(u64, u64)> {
    const CNT_CODE: u32 = 0x20;
    let rows = pe.sections.iter().filter(|row| row.characteristics & CNT_CODE != 0);
    let range = |row: &header::SectionRow<'_>| {
        let start = u64::from(row.virtual_address);
        (start, start + u64::from(row.virtual_size.max(row.raw_size)))
    };
    rows.map(range).collect()
}
