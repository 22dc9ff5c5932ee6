//! Export table of a PE: named functions of this module. Forwarders and nameless ordinals are no functions here.

use std::ops::Range;

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

/// Names and addresses a directory may state; with more lief gives up on it.
const MAX_STATED: u32 = 0x0100_0000;
/// Longest name of an export in bytes (lief's limit).
const MAX_NAME: usize = 4096;

/// A row of the export address table.
#[derive(Clone, Copy)]
struct Row<'a> {
    rva: u32,
    /// Inside the export directory: a forwarder.
    forwarded: bool,
    name: &'a [u8],
}

fn read<'a>(pe: &Pe<'a>) -> Option<Vec<Export<'a>>> {
    let (rva, size) = pe.directory(Directory::Export)?;
    if rva == 0 {
        return None;
    }
    let directory = rva..rva.wrapping_add(size);
    let at = pe.offset(u64::from(rva)) & OFFSET;
    let field = |offset: u64| pe.bytes.u32(at.checked_add(offset)?);
    pe.bytes.exact(at, 40)?;
    let (functions, names) = (field(20)?, field(24)?);
    if functions > MAX_STATED || names > MAX_STATED {
        return None;
    }
    let base = field(16)? as u16;
    let mut corrupted = vec![false; 1 << 16];
    let mut rows = addresses(pe, field(28)?, functions, &directory);
    for (index, row) in rows.iter().enumerate() {
        mark(&mut corrupted, base, index, row.rva == 0);
    }
    name_rows(pe, (field(32)?, field(36)?, names), base, &mut rows, &mut corrupted);
    let intact = |index: usize| corrupted.get(ordinal(base, index)) == Some(&false);
    let local = rows.iter().enumerate().filter(|&(index, row)| intact(index) && !row.forwarded);
    Some(
        local
            .filter(|(_, row)| !row.name.is_empty())
            .map(|(_, row)| Export { rva: row.rva, name: row.name })
            .collect(),
    )
}

/// lief keeps offsets of export tables in 32 bits.
const OFFSET: u64 = u32::MAX as u64;

/// Ordinals have 16 bits: rows of a table with more entries share them.
fn ordinal(base: u16, index: usize) -> usize {
    usize::from(base.wrapping_add(index as u16))
}

fn mark(corrupted: &mut [bool], base: u16, index: usize, is_corrupted: bool) {
    if let (true, Some(mark)) = (is_corrupted, corrupted.get_mut(ordinal(base, index))) {
        *mark = true;
    }
}

/// Rows of the address table, as far as the file goes. A forwarder is named by its target at first.
fn addresses<'a>(pe: &Pe<'a>, table: u32, count: u32, directory: &Range<u32>) -> Vec<Row<'a>> {
    let start = pe.offset(u64::from(table)) & OFFSET;
    let mut budget = NameBudget::of(pe.bytes.len());
    (0..u64::from(count).min(MAX_EXPORTS))
        .map_while(|index| pe.bytes.u32(start + 4 * index))
        .map(|rva| {
            let forwarded = directory.contains(&rva);
            let target = if forwarded && rva > 0 { pe.name_at(u64::from(rva)) } else { None };
            let valid =
                |name: &&[u8]| name.len() <= MAX_NAME && name.iter().all(|&c| (0x20..0x7f).contains(&c));
            let name = target.filter(valid).and_then(|name| budget.keep(name)).unwrap_or_default();
            Row { rva, forwarded, name }
        })
        .collect()
}

/// Names the rows: the first name of a row stays, and a row with an unusable name is dropped together with all that share
/// its ordinal. The names end where an index leaves the address table.
fn name_rows<'a>(
    pe: &Pe<'a>,
    (names, ordinals, count): (u32, u32, u32),
    base: u16,
    rows: &mut [Row<'a>],
    corrupted: &mut [bool],
) {
    let names = pe.offset(u64::from(names)) & OFFSET;
    let ordinals = pe.offset(u64::from(ordinals)) & OFFSET;
    let mut budget = NameBudget::of(pe.bytes.len());
    for number in 0..u64::from(count).min(MAX_EXPORTS) {
        let Some(index) = pe.bytes.u16(ordinals + 2 * number).map(usize::from) else { break };
        let Some(row) = rows.get_mut(index) else { break };
        if !row.name.is_empty() {
            continue;
        }
        let name = pe.bytes.u32(names + 4 * number).and_then(|rva| pe.name_at(u64::from(rva)));
        match name
            .filter(|name| !name.is_empty() && name.len() <= MAX_NAME)
            .and_then(|name| budget.keep(name))
        {
            Some(name) => row.name = name,
            None => mark(corrupted, base, index, true),
        }
    }
}
