//! Symbol table and export trie of a Mach-O.

use std::collections::HashMap;

use crate::bytes::{Bytes, NameBudget, uleb128};
use crate::limits::MAX_SYMBOLS;
use crate::macho::header::MachO;

/// A symbol with a name.
#[derive(Clone, Debug)]
pub(crate) struct Symbol<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: u64,
    /// Whether the export trie names it.
    pub(crate) exported: bool,
}

/// The symbol table in its order. Exports that are not in it are left out, as lief gives them no address. Of symbols that share
/// a name (a debugging entry and the symbol proper) the last is the export.
pub(crate) fn symbols<'a>(file: &MachO<'a>, exports: &[String]) -> Vec<Symbol<'a>> {
    let mut found = table(file);
    let last: HashMap<&str, usize> = found.iter().enumerate().map(|(at, symbol)| (symbol.name, at)).collect();
    let exported: Vec<usize> = exports.iter().filter_map(|name| last.get(name.as_str()).copied()).collect();
    for at in exported {
        if let Some(symbol) = found.get_mut(at) {
            symbol.exported = true;
        }
    }
    found
}

/// The string table; empty when it is not whole in the file.
fn strings<'a>(file: &MachO<'a>) -> Bytes<'a> {
    let (offset, size) = file.link_edit.strings;
    file.bytes.part(file.bytes.exact(offset, size).unwrap_or_default())
}

fn table<'a>(file: &MachO<'a>) -> Vec<Symbol<'a>> {
    let (offset, count) = file.link_edit.symbols;
    let size = if file.wide { 16 } else { 12 };
    let strings = strings(file);
    let rows = (0..count.min(MAX_SYMBOLS as u64)).map_while(|index| {
        let at = offset.checked_add(size * index)?;
        file.bytes.exact(at, size)?;
        Some((file.bytes.u32(at)?, file.bytes.word(at + 8, file.wide)?))
    });
    let mut budget = NameBudget::of(file.bytes.len());
    rows.map(|(name, value)| {
        let name = name_at(strings, name).and_then(|name| budget.keep_text(name)).unwrap_or_default();
        Symbol { name, value, exported: false }
    })
    .collect()
}

/// A name in the string table. Index 0 stands for no name, whatever the table holds there (linkers write a blank).
fn name_at(strings: Bytes<'_>, index: u32) -> Option<&[u8]> {
    if index == 0 { None } else { strings.c_bytes(u64::from(index)) }
}

/// Raw name and description of a row of the symbol table.
pub(crate) fn record<'a>(file: &MachO<'a>, index: u64) -> Option<(&'a [u8], u16)> {
    let (offset, count) = file.link_edit.symbols;
    let size = if file.wide { 16 } else { 12 };
    let at = offset.checked_add(size * index).filter(|_| index < count)?;
    file.bytes.exact(at, size)?;
    let strings = strings(file);
    let name = name_at(strings, file.bytes.u32(at)?);
    Some((name.unwrap_or_default(), file.bytes.u16(at + 6)?))
}

/// Deepest nesting of an export trie.
const MAX_DEPTH: usize = 256;
/// Longest name of an export in bytes.
const MAX_EXPORT_NAME: usize = 1 << 14;
/// Bytes of names an export trie may spell out, over all exports.
const MAX_EXPORT_BYTES: usize = 64 << 20;
/// Bytes they may spell out for each byte of the trie, and what every trie may: a trie saves the common starts of names.
const SPELLED_PER_BYTE: usize = 64;
/// See [`SPELLED_PER_BYTE`].
const MIN_EXPORT_BYTES: usize = 1 << 20;

/// Names in the export trie, depth first; not those of other libraries.
pub(crate) fn exports(file: &MachO<'_>) -> Vec<String> {
    let (offset, size) = file.link_edit.exports;
    let mut walk = Walk {
        bytes: file.bytes,
        data: file.bytes.upto(offset, size),
        found: Vec::new(),
        visits: size.min(file.bytes.len()),
        spelled: 0,
    };
    let mut name = Vec::new();
    let _ = walk.node(0, &mut name, 0);
    walk.found
}

struct Walk<'d> {
    bytes: Bytes<'d>,
    data: &'d [u8],
    found: Vec<String>,
    visits: u64,
    spelled: usize,
}

impl Walk<'_> {
    /// One node and its children. `None` ends the walk of this branch.
    fn node(&mut self, start: usize, name: &mut Vec<u8>, depth: usize) -> Option<()> {
        self.visits = self.visits.checked_sub(1)?;
        if depth > MAX_DEPTH || start >= self.data.len() {
            return None;
        }
        let mut at = start;
        let terminal = usize::try_from(uleb128(self.data, &mut at)?).ok()?;
        if terminal != 0 {
            self.terminal(at, name);
        }
        at = at.checked_add(terminal)?;
        let children = *self.data.get(at)?;
        at += 1;
        for _ in 0..children {
            let rest = self.data.get(at..)?;
            // Edges may lie over one another: what is searched counts.
            let end = memchr::memchr(0, rest.get(..=MAX_EXPORT_NAME).unwrap_or(rest))?;
            self.bytes.work(1 + end as u64).then_some(())?;
            let length = name.len();
            name.extend_from_slice(rest.get(..end)?);
            at += end + 1;
            let child = usize::try_from(uleb128(self.data, &mut at)?).ok()?;
            if child == 0 {
                // A child that would be the root: lief reads no further children of this node.
                name.truncate(length);
                return None;
            }
            if name.len() <= MAX_EXPORT_NAME {
                let _ = self.node(child, name, depth + 1);
            }
            name.truncate(length);
        }
        Some(())
    }

    fn terminal(&mut self, mut at: usize, name: &[u8]) -> Option<()> {
        const REEXPORT: u64 = 8;
        let flags = uleb128(self.data, &mut at)?;
        self.spelled += name.len();
        let most = self.data.len().saturating_mul(SPELLED_PER_BYTE).clamp(MIN_EXPORT_BYTES, MAX_EXPORT_BYTES);
        if flags & REEXPORT == 0 && self.spelled <= most {
            self.found.push(String::from_utf8(name.to_vec()).ok()?);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::macho::header::LinkEdit;

    /// A debugging entry without address stands before the symbol it describes; lief was asked which is the export.
    #[test]
    fn the_last_of_equal_names_is_the_export() {
        let row = |value: u32, kind: u8| {
            let mut row = vec![1, 0, 0, 0, kind, 0, 0, 0];
            row.extend(value.to_le_bytes());
            row
        };
        let bytes = [row(0, 32), row(0x10, 15), b"\0_f\0".to_vec()].concat();
        let file = MachO {
            bytes: Bytes::little(&bytes),
            slice_offset: 0,
            wide: false,
            cpu: 7,
            commands_size: 0,
            segments: Vec::new(),
            sections: Vec::new(),
            libraries: Vec::new(),
            entry: None,
            link_edit: LinkEdit { symbols: (0, 2), strings: (24, 4), ..LinkEdit::default() },
        };
        let symbols = symbols(&file, &["_f".to_owned(), "_g".to_owned()]);
        let seen: Vec<_> =
            symbols.iter().map(|symbol| (symbol.name, symbol.value, symbol.exported)).collect();
        assert_eq!(seen, [("_f", 0, false), ("_f", 0x10, true)]);
    }
}
