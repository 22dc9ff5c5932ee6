//! Mach-O files: what a report and the recovery need to know of one. Of a universal file, one slice counts.

mod bind;
mod header;
mod layout;
mod symbol;

use std::collections::BTreeMap;

use malkin_report::{Architecture, Budget};

use crate::image::Tables;
use crate::label::demangle::{self, Speller};
use header::Entry;

pub(crate) use header::{MachO, is_thin, slices};
pub(crate) use layout::{adjustment, base_address, code_areas, machine, map, sections, stub_ranges};

/// Whether the bytes are a Mach-O, thin or universal.
pub(crate) fn is_macho(data: &[u8]) -> bool {
    is_thin(data) || slices(data).is_some()
}

/// What to look for in a universal file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted<'w> {
    /// 32 or 64; 0 for any.
    pub(crate) bitness: u32,
    pub(crate) architecture: Option<&'w Architecture>,
}

/// The thin file, or of a universal one the first slice that fits, else the first.
pub(crate) fn parse<'a>(data: &'a [u8], wanted: Wanted<'_>, budget: &'a Budget<'a>) -> Option<MachO<'a>> {
    if is_thin(data) {
        return MachO::parse(data, 0, budget);
    }
    let parsed = |slice: &header::Slice| {
        let start = usize::try_from(slice.offset).ok()?;
        let end = start.checked_add(usize::try_from(slice.size).ok()?)?;
        MachO::parse(data.get(start..end)?, slice.offset, budget)
    };
    let mut files: Vec<MachO<'a>> = slices(data)?.iter().filter_map(parsed).collect();
    let fits = files.iter().position(|file| {
        let bits = if file.wide { 64 } else { 32 };
        (wanted.bitness == 0 || wanted.bitness == bits)
            && wanted.architecture.is_none_or(|a| is_cpu_of(file.cpu, a))
    });
    (!files.is_empty()).then(|| files.swap_remove(fits.unwrap_or(0)))
}

fn is_cpu_of(cpu: u32, architecture: &Architecture) -> bool {
    match architecture {
        Architecture::Intel => matches!(cpu, header::CPU_X86 | header::CPU_X86_64),
        Architecture::Arm | Architecture::Aarch64 => matches!(cpu, header::CPU_ARM | header::CPU_ARM64),
        _ => true,
    }
}

/// Address of the entry point in the file's own addresses; 0 when none is stated.
pub(crate) fn entry(file: &MachO<'_>) -> u64 {
    match file.entry {
        None => 0,
        Some(Entry::Main(offset)) => file.image_base().wrapping_add(offset),
        Some(Entry::Thread(address)) => address,
    }
}

/// Names with their addresses, and their raw spelling for the language evidence.
#[derive(Default)]
pub(crate) struct Names {
    /// Static tables of the report.
    pub(crate) tables: Tables,
    /// Function starts: entry point, exports, symbols and stubs inside the code areas; later ones name an address.
    pub(crate) symbols: BTreeMap<u64, String>,
    /// Symbols with a value as spelled, at their moved address.
    pub(crate) raw_functions: Vec<(u64, String)>,
    /// Every symbol as spelled.
    pub(crate) raw_symbols: Vec<String>,
    /// Address of the first symbol `runtime.text`, not moved.
    pub(crate) go_text: Option<u64>,
}

/// Reads all names. `in_code` decides which addresses count as code.
pub(crate) fn names(file: &MachO<'_>, adjustment: u64, in_code: impl Fn(u64) -> bool) -> Names {
    let exports = symbol::exports(file);
    let all = symbol::symbols(file, &exports);
    let named = |only_exports: bool| {
        let rows = all.iter().filter(move |symbol| symbol.value != 0 && (!only_exports || symbol.exported));
        rows.filter(|symbol| !symbol.name.is_empty())
            .map(|symbol| (symbol.value.wrapping_add(adjustment), symbol.name))
    };
    let mut speller = Speller::new();
    let mut spelled = |(address, name): (u64, &str)| (address, speller.spell(name, demangle::macho_name));
    let exported: BTreeMap<u64, String> = named(true).map(&mut spelled).collect();
    let mut functions = exported.clone();
    functions.extend(named(false).map(&mut spelled));
    functions.retain(|&address, _| in_code(address));
    let mut symbols = BTreeMap::new();
    let start = entry(file).wrapping_add(adjustment);
    if in_code(start) {
        symbols.insert(start, "original_entry_point".to_owned());
    }
    symbols.extend(functions.clone());
    for stub in layout::stubs(file, adjustment).filter(|&stub| in_code(stub)) {
        symbols.entry(stub).or_insert_with(|| format!("stub_{stub:x}"));
    }
    let go_text = all
        .iter()
        .find(|symbol| matches!(symbol.name, "runtime.text" | "_runtime.text") && symbol.value != 0);
    Names {
        symbols,
        raw_functions: named(false).map(|(address, name)| (address, name.to_owned())).collect(),
        raw_symbols: all.iter().map(|symbol| symbol.name.to_owned()).collect(),
        go_text: go_text.map(|symbol| symbol.value),
        tables: Tables {
            exported_symbols: exported.clone(),
            exported_functions: Some(exported),
            imported_functions: Some(bind::bindings(file, adjustment)),
            symbols: Some(functions),
        },
    }
}

/// Address of the first section of a name, unless it is 0.
pub(crate) fn section_address(file: &MachO<'_>, name: &[u8]) -> Option<u64> {
    file.sections.iter().find(|row| row.name == name).map(|row| row.address).filter(|&address| address != 0)
}

/// Offset of the first section of a name.
pub(crate) fn section_offset(file: &MachO<'_>, name: &[u8]) -> Option<u64> {
    file.sections.iter().find(|row| row.name == name).map(|row| row.offset)
}
