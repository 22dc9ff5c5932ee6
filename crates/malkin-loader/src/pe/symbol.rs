//! COFF symbol table of a PE: what compilers other than MSVC leave behind.

use crate::bytes::{Bytes, NameBudget, until_nul};
use crate::limits::MAX_SYMBOLS;
use crate::pe::header::Pe;

/// A COFF symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol<'a> {
    pub(crate) name: &'a [u8],
    /// Relative to its section.
    pub(crate) value: u32,
    /// 1-based; 0 and negative numbers are no sections.
    pub(crate) section: i16,
    /// Whether its complex type says function.
    pub(crate) is_function: bool,
}

/// Size of a symbol record in bytes.
const RECORD: u64 = 18;

/// All symbols without their auxiliary records, in file order.
pub(crate) fn symbols<'a>(pe: &Pe<'a>) -> Vec<Symbol<'a>> {
    if pe.symbol_table == 0 {
        return Vec::new();
    }
    let start = u64::from(pe.symbol_table);
    let strings = string_table(pe, start + RECORD * u64::from(pe.symbol_count));
    let mut found = Vec::new();
    let mut budget = NameBudget::of(pe.bytes.len());
    let mut index = 0;
    while index < u64::from(pe.symbol_count) && found.len() < MAX_SYMBOLS {
        let Some((mut symbol, auxiliary)) = symbol(pe, start + RECORD * index, strings) else { break };
        symbol.name = budget.keep(symbol.name).unwrap_or_default();
        found.push(symbol);
        index += 1 + auxiliary;
    }
    found
}

/// The string table behind the symbols, its size in front; empty when it is cut.
fn string_table<'a>(pe: &Pe<'a>, at: u64) -> Bytes<'a> {
    let size = pe.bytes.u32(at).map_or(0, u64::from);
    pe.bytes.part(pe.bytes.exact(at, size).unwrap_or_default())
}

fn symbol<'a>(pe: &Pe<'a>, at: u64, strings: Bytes<'a>) -> Option<(Symbol<'a>, u64)> {
    let short = pe.bytes.exact(at, 8)?;
    pe.bytes.exact(at, RECORD)?;
    let name = if pe.bytes.u32(at)? == 0 {
        strings.c_bytes(u64::from(pe.bytes.u32(at + 4)?)).unwrap_or_default()
    } else {
        until_nul(short)
    };
    let symbol = Symbol {
        name,
        value: pe.bytes.u32(at + 8)?,
        section: pe.bytes.u16(at + 12)? as i16,
        is_function: pe.bytes.u16(at + 14)? >> 4 & 0xf == 2,
    };
    Some((symbol, u64::from(pe.bytes.u8(at + 17)?)))
}
