//! ELF files and mapped ELF images: what a report and the recovery need to know of one.

mod dynamic;
mod eh_frame;
mod header;
mod layout;
mod relocation;
mod symbol;

use std::collections::BTreeMap;

use crate::image::Tables;
use dynamic::Dynamic;

pub(crate) use eh_frame::{FrameSection, frame_ranges, landing_pads};
pub(crate) use header::{Elf, PT_LOAD};
pub(crate) use layout::{
    abi, base_address, code_areas, entry, got_bases, is_position_independent, machine, map, plt_ranges,
    sections, unmap,
};

/// Names with their addresses, and their raw spelling for the language evidence.
#[derive(Default)]
pub(crate) struct Names<'a> {
    /// Static tables of the report.
    pub(crate) tables: Tables,
    /// Function starts: entry point, exports, static and dynamic function symbols; later ones name an address.
    pub(crate) symbols: BTreeMap<u64, String>,
    /// Function symbols of this file as spelled, static ones first.
    pub(crate) raw_functions: Vec<(u64, &'a str)>,
    /// Every symbol as spelled.
    pub(crate) raw_symbols: Vec<&'a str>,
    /// Address of the first symbol `runtime.text`.
    pub(crate) go_text: Option<u64>,
}

/// Reads all names.
pub(crate) fn names<'a>(elf: &Elf<'a>) -> Names<'a> {
    let dynamic = Dynamic::read(elf);
    let static_symbols = symbol::static_symbols(elf);
    let dynamic_symbols = symbol::dynamic_symbols(elf, &dynamic);
    let mask = if elf.machine == 40 { !1 } else { u64::MAX };
    // SMDA clears the Thumb bit of exports only where it counts them as symbols.
    let both: [&[symbol::Symbol<'_>]; 2] = [&dynamic_symbols, &static_symbols];
    let exported = symbol::exported_functions(&both, u64::MAX);
    let mut functions =
        if mask == u64::MAX { exported.clone() } else { symbol::exported_functions(&both, mask) };
    functions.extend(symbol::functions(&static_symbols, mask));
    functions.extend(symbol::functions(&dynamic_symbols, mask));
    let mut symbols = BTreeMap::from([(elf.entry & mask, "original_entry_point".to_owned())]);
    symbols.extend(functions.clone());
    let all = || static_symbols.iter().chain(&dynamic_symbols);
    let go_text = dynamic_symbols
        .iter()
        .chain(&static_symbols)
        .find(|symbol| matches!(symbol.name, Some("runtime.text" | "_runtime.text")) && symbol.value != 0);
    Names {
        symbols,
        raw_functions: all()
            .filter(|symbol| symbol.is_local_function())
            .filter_map(|symbol| Some((symbol.value, symbol.name?)))
            .collect(),
        raw_symbols: all().filter_map(|symbol| symbol.name).collect(),
        go_text: go_text.map(|symbol| symbol.value),
        tables: Tables {
            exported_functions: Some(exported),
            exported_symbols: symbol::exported_symbols(&dynamic_symbols),
            imported_functions: Some(relocation::imports(elf, &dynamic, &dynamic_symbols, &static_symbols)),
            symbols: Some(functions),
        },
    }
}
