//! Libraries, imports and exports of an ELF file that has no section headers, as programs for small devices often are stripped:
//! through the dynamic segment, which the loader of the system goes by too.
//!
//! Not here: files with section headers (`native` reads those through `object`), relocations, symbol versions.

use object::Endianness;
use object::elf;
use object::read::elf::{Dyn, FileHeader, GnuHashTable, HashTable, ProgramHeader, Sym};

use crate::names::Names;

/// Most libraries, and most symbols.
const MAX_LIBRARIES: usize = 1024;
const MAX_SYMBOLS: usize = 65_536;

/// What the dynamic segment names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dynamic {
    pub(crate) libraries: Vec<String>,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

/// Reads the dynamic segment of an ELF file of either width; nothing if it has none, as a static program.
pub(crate) fn read(bytes: &[u8]) -> object::Result<Dynamic> {
    match bytes.get(4) {
        Some(2) => of::<elf::FileHeader64<Endianness>>(bytes),
        _ => of::<elf::FileHeader32<Endianness>>(bytes),
    }
}

/// A copy without the section headers, for files whose headers lead nowhere.
pub(crate) fn without_sections(bytes: &[u8]) -> Option<Vec<u8>> {
    // e_shoff, and e_shentsize, e_shnum, e_shstrndx at the end of the header.
    let (offset, end) = match bytes.get(4) {
        Some(2) => (0x28..0x30, 0x3a..0x40),
        _ => (0x20..0x24, 0x2e..0x34),
    };
    let mut copy = bytes.to_vec();
    copy.get_mut(offset)?.fill(0);
    copy.get_mut(end)?.fill(0);
    Some(copy)
}

fn of<E: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> object::Result<Dynamic> {
    let header = E::parse(bytes)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, bytes)?;
    let mut dynamics: &[E::Dyn] = &[];
    for segment in segments {
        if let Some(found) = segment.dynamic(endian, bytes)? {
            dynamics = found;
            break;
        }
    }
    let end = dynamics.iter().position(|entry| entry.tag(endian) == elf::DT_NULL);
    let dynamics = &dynamics[..end.unwrap_or(dynamics.len())];
    let value = |tag| dynamics.iter().find(|entry| entry.tag(endian) == tag).map(|entry| entry.val(endian));
    // What the file holds from an address to the end of its segment.
    let at = |address: u64| {
        segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
            let skipped = usize::try_from(address.checked_sub(segment.p_vaddr(endian).into())?).ok()?;
            segment.data(endian, bytes).ok()?.get(skipped..)
        })
    };
    let mut found = Dynamic::default();
    let strings = value(elf::DT_STRTAB).and_then(at).unwrap_or_default();
    let size = value(elf::DT_STRSZ).and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
    let strings = &strings[..size.min(strings.len())];
    let text = |offset: u64| {
        let rest = strings.get(usize::try_from(offset).ok()?..)?;
        rest.get(..memchr::memchr(0, rest)?).filter(|text| !text.is_empty())
    };
    let mut names = Names::new();
    let needed = dynamics.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED).take(MAX_LIBRARIES);
    for name in needed.filter_map(|entry| text(entry.val(endian))) {
        let Some(name) = names.take(name) else { break };
        found.libraries.push(name);
    }
    let count = value(elf::DT_HASH)
        .and_then(at)
        .and_then(|table| HashTable::<E>::parse(endian, table).ok())
        .map(|table| table.symbol_table_length() as usize);
    let count = count.or_else(|| {
        let table = GnuHashTable::<E>::parse(endian, at(value(elf::DT_GNU_HASH)?)?).ok()?;
        // A table that finds nothing begins behind all symbols.
        let length = table.symbol_table_length(endian).unwrap_or_else(|| table.symbol_base());
        Some(length as usize)
    });
    // Without a hash table: linkers put the strings behind the symbols.
    let between = || {
        let distance = value(elf::DT_STRTAB)?.checked_sub(value(elf::DT_SYMTAB)?)?;
        Some(usize::try_from(distance).ok()? / size_of::<E::Sym>())
    };
    let symbols = value(elf::DT_SYMTAB).and_then(at).unwrap_or_default();
    let count = count.or_else(between).unwrap_or(0).min(symbols.len() / size_of::<E::Sym>()).min(MAX_SYMBOLS);
    let Ok((symbols, _)) = object::pod::slice_from_bytes::<E::Sym>(symbols, count) else { return Ok(found) };
    let mut names = Names::new();
    for symbol in symbols {
        let Some(name) = text(u64::from(symbol.st_name(endian))) else { continue };
        let is_local = symbol.st_bind() == elf::STB_LOCAL;
        let list = match symbol.st_shndx(endian) {
            elf::SHN_UNDEF => &mut found.imports,
            _ if is_local => continue,
            _ => &mut found.exports,
        };
        let Some(name) = names.take(name) else { break };
        list.push(name);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::native::{self, Native};
    use malkin_report::Budget;

    fn this_program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    /// Libraries, functions that are taken and names that are offered.
    fn names(native: &Native) -> [BTreeSet<String>; 3] {
        let libraries = native.libraries.iter().map(|library| library.name.clone());
        let functions = native.libraries.iter().flat_map(|library| library.functions.clone());
        [
            libraries.filter(|name| !name.is_empty()).collect(),
            functions.collect(),
            native.exports.iter().cloned().collect(),
        ]
    }

    #[test]
    fn a_program_is_told_the_same_without_its_section_headers() {
        let whole = this_program();
        if !whole.starts_with(b"\x7fELF") {
            return;
        }
        let mut unread = Vec::new();
        let expected = native::read(&whole, &Budget::unlimited(), &mut unread).unwrap();
        let bare =
            native::read(&without_sections(&whole).unwrap(), &Budget::unlimited(), &mut unread).unwrap();
        assert!(bare.sections.is_empty() && names(&expected)[1].len() > 20, "{expected:?}");
        assert_eq!(names(&bare), names(&expected));
        assert_eq!(unread, Vec::<String>::new());
        // Headers that lead nowhere are as good as none, but told.
        let mut astray = whole;
        astray[0x28..0x30].fill(0x7f);
        assert_eq!(
            names(&native::read(&astray, &Budget::unlimited(), &mut unread).unwrap()),
            names(&expected)
        );
        assert_eq!(unread.len(), 1);
    }

    #[test]
    fn damage_is_refused_or_read() {
        let mut bytes = this_program();
        bytes.truncate(1 << 16);
        for at in (0..0x400).step_by(3) {
            let kept = std::mem::replace(&mut bytes[at], 0xff);
            if let Ok(found) = read(&bytes) {
                assert!(found.imports.len() + found.exports.len() <= MAX_SYMBOLS);
            }
            bytes[at] = kept;
        }
    }
}
