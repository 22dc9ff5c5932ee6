//! Symbol tables of an ELF: static ones by section header, dynamic ones through the dynamic table.

use std::collections::BTreeMap;

use crate::bytes::NameBudget;
use crate::elf::dynamic::{Dynamic, symbol_size};
use crate::elf::header::{Elf, SHT_SYMTAB};
use crate::label::demangle::{self, Speller};
use crate::limits::MAX_SYMBOLS;

/// A symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol<'a> {
    /// `None` when it is not UTF-8 or outside of the file.
    pub(crate) name: Option<&'a str>,
    pub(crate) value: u64,
    pub(crate) section: u16,
    size: u64,
    info: u8,
}

/// Symbol types and bindings.
const STT_OBJECT: u8 = 1;
const STT_FUNC: u8 = 2;
const STT_TLS: u8 = 6;
const STT_GNU_IFUNC: u8 = 10;
const STB_GLOBAL: u8 = 1;
const STB_WEAK: u8 = 2;
/// First section index that is none.
const SHN_LORESERVE: u16 = 0xff00;

impl Symbol<'_> {
    fn kind(&self) -> u8 {
        self.info & 15
    }

    fn is_global(&self) -> bool {
        matches!(self.info >> 4, STB_GLOBAL | STB_WEAK)
    }

    pub(crate) fn is_function(&self) -> bool {
        self.kind() == STT_FUNC
    }

    fn is_defined(&self) -> bool {
        0 < self.section && self.section < SHN_LORESERVE
    }

    /// Undefined, global, without a value of its own.
    pub(crate) fn is_imported(&self) -> bool {
        let kind = matches!(self.kind(), STT_OBJECT | STT_FUNC | STT_GNU_IFUNC | 0);
        self.section == 0 && self.value == 0 && self.is_global() && kind
    }

    /// Defined anywhere, global, with an address or a size.
    fn is_exported_function(&self) -> bool {
        let present = self.section != 0 && (self.value != 0 || self.size != 0);
        present && self.is_global() && self.is_function()
    }

    /// A function of this file with an address.
    pub(crate) fn is_local_function(&self) -> bool {
        self.is_function() && self.value != 0 && self.is_defined()
    }
}

/// Symbols of the first static symbol table.
pub(crate) fn static_symbols<'a>(elf: &Elf<'a>) -> Vec<Symbol<'a>> {
    let Some(table) = elf.sections.iter().find(|row| row.kind == SHT_SYMTAB) else { return Vec::new() };
    let strings =
        usize::try_from(table.link).ok().filter(|&link| link != 0).and_then(|link| elf.sections.get(link));
    strings.map_or_else(Vec::new, |strings| {
        read(elf, table.offset, table.size / symbol_size(elf), |name| strings.offset.checked_add(name))
    })
}

/// Symbols of the dynamic symbol table.
pub(crate) fn dynamic_symbols<'a>(elf: &Elf<'a>, dynamic: &Dynamic<'_, 'a>) -> Vec<Symbol<'a>> {
    match (dynamic.symbols(), dynamic.strings()) {
        // As lief adds them up, the place of a name has as many bits as the file.
        (Some(offset), Some(strings)) => read(elf, offset, dynamic.symbol_count(), |name| {
            let place = strings.checked_add(name)?;
            Some(if elf.wide { place } else { place & u64::from(u32::MAX) })
        }),
        _ => Vec::new(),
    }
}

/// A table of symbols; `place` gives the file offset of a name.
fn read<'a>(elf: &Elf<'a>, offset: u64, count: u64, place: impl Fn(u64) -> Option<u64>) -> Vec<Symbol<'a>> {
    let size = symbol_size(elf);
    let mut budget = NameBudget::of(elf.bytes.len());
    (0..count.min(MAX_SYMBOLS as u64))
        .map_while(|index| symbol(elf, offset.checked_add(size * index)?, &place, &mut budget))
        .collect()
}

fn symbol<'a>(
    elf: &Elf<'a>,
    at: u64,
    place: impl Fn(u64) -> Option<u64>,
    budget: &mut NameBudget,
) -> Option<Symbol<'a>> {
    let bytes = elf.bytes;
    bytes.exact(at, symbol_size(elf))?;
    let name = u64::from(bytes.u32(at)?);
    let (info, section, value, size) = if elf.wide {
        (bytes.u8(at + 4)?, bytes.u16(at + 6)?, bytes.u64(at + 8)?, bytes.u64(at + 16)?)
    } else {
        let word = |offset: u64| bytes.u32(at + offset).map(u64::from);
        (bytes.u8(at + 12)?, bytes.u16(at + 14)?, word(4)?, word(8)?)
    };
    let name = place(name).and_then(|at| budget.keep_text(bytes.c_bytes(at)?));
    Some(Symbol { name, value, section, size, info })
}

/// Exported functions; an address has the name of its last symbol. `mask` clears the Thumb bit of ARM.
pub(crate) fn exported_functions(all: &[&[Symbol<'_>]], mask: u64) -> BTreeMap<u64, String> {
    let exported =
        all.iter().flat_map(|symbols| symbols.iter()).filter(|symbol| symbol.is_exported_function());
    let last = last_names(exported, mask);
    spelled(last, demangle::llvm_name)
}

/// Function symbols of one table; an address has the name of its last symbol.
pub(crate) fn functions(symbols: &[Symbol<'_>], mask: u64) -> BTreeMap<u64, String> {
    let last = last_names(symbols.iter().filter(|symbol| symbol.is_local_function()), mask);
    spelled(last, demangle::elf_name)
}

fn spelled(names: BTreeMap<u64, &str>, spelling: fn(&str) -> String) -> BTreeMap<u64, String> {
    let mut speller = Speller::new();
    names.into_iter().map(|(address, name)| (address, speller.spell(name, spelling))).collect()
}

fn last_names<'s, 'a: 's>(
    symbols: impl Iterator<Item = &'s Symbol<'a>>,
    mask: u64,
) -> BTreeMap<u64, &'a str> {
    let named = symbols
        .filter_map(|symbol| Some((symbol.value & mask, symbol.name.filter(|name| !name.is_empty())?)));
    named.collect()
}

/// Functions and data this file exports; an address has the name of its first symbol. Thread-local symbols have no address.
pub(crate) fn exported_symbols(dynamic: &[Symbol<'_>]) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut speller = Speller::new();
    for symbol in dynamic.iter().filter(|symbol| symbol.is_defined() && symbol.kind() != STT_TLS) {
        if let Some(name) = symbol.name.filter(|name| !name.is_empty()) {
            found.entry(symbol.value).or_insert_with(|| speller.spell(name, demangle::elf_name));
        }
    }
    found
}
