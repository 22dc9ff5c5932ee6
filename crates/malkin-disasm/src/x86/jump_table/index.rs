//! The byte table of a two-level switch: small numbers that select the entry of the table of targets.

use super::bound::{operand_key, scaled_register, table_bound};
use super::{Search, lea_of_register};
use crate::flow::Analysis;
use crate::x86::operand_text::{Line, family, immediate, is_register};
use crate::x86::{Finder, Work};

/// Instructions looked at in front of the jump.
const WINDOW: usize = 4;

impl Analysis<'_, Finder<'_>> {
    /// Marks the bytes of an index table as data.
    pub(super) fn mark_index_table(&mut self, search: &Search<'_>, work: &mut Work) {
        let mut indices: Vec<&str> = scaled_register(search.operand).and_then(family).into_iter().collect();
        for (position, line) in search.lines.iter().enumerate().rev().take(WINDOW) {
            indices.extend(scaled_register(&line.operands).and_then(family));
            let Some(load) = ByteLoad::of(line) else { continue };
            if !family(load.destination).is_some_and(|register| indices.contains(&register)) {
                continue;
            }
            let before = &search.lines[..position];
            let mut table = load.displacement;
            if let Some(base) = load.base {
                let Some((_, address)) = lea_of_register(base, before) else { return };
                table = table.wrapping_add(address);
            }
            let bound = table_bound(before, operand_key(load.index));
            let entries = entries_of(work, search.address);
            if let Some((start, count)) = self.index_extent(table, bound, &entries) {
                self.refer_table(work, line.address, start, count);
            }
            return;
        }
    }

    /// Where the index bytes lie: at the table itself if its length is known, else directly behind the entries.
    fn index_extent(&self, table: u64, bound: u64, entries: &[u64]) -> Option<(u64, u32)> {
        let (&first, &last) = (entries.first()?, entries.last()?);
        let step = entries.get(1).map_or(4, |second| second - first);
        let end = last.wrapping_add(step);
        let count = entries.len();
        if bound != 0 && (table >= end || table.wrapping_add(bound) <= first) {
            let bytes = self.view.window(table, usize::try_from(bound).ok()?);
            if bytes.len() as u64 == bound && bytes.iter().all(|&byte| usize::from(byte) < count) {
                return Some((table, u32::try_from(bound).ok()?));
            }
        }
        if !(table < end && end <= table.wrapping_add(255)) {
            return None;
        }
        let follow = self.view.window(end, 256);
        let length =
            follow.iter().position(|&byte| usize::from(byte) >= count).filter(|&length| length > 0)?;
        let ends_well = follow[length] == 0xcc || end.wrapping_add(length as u64).is_multiple_of(16);
        ends_well.then_some((end, length as u32))
    }
}

/// Addresses the jump reads, ascending.
fn entries_of(work: &Work, jump: u64) -> Vec<u64> {
    let references = work.data_references.iter().filter(|reference| reference.from == jump);
    let mut entries: Vec<u64> = references.map(|reference| reference.to).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// `movzx register, byte ptr [base + index + 0x10]`; the base is optional.
struct ByteLoad<'a> {
    destination: &'a str,
    base: Option<&'a str>,
    index: &'a str,
    displacement: u64,
}

impl<'a> ByteLoad<'a> {
    fn of(line: &'a Line) -> Option<Self> {
        if line.mnemonic != "movzx" {
            return None;
        }
        let (destination, memory) = line.operands.split_once(", byte ptr [")?;
        let parts: Vec<&str> = memory.strip_suffix(']')?.split(" + ").collect();
        let (base, index, displacement) = match parts.as_slice() {
            [index, displacement] => (None, *index, *displacement),
            [base, index, displacement] => (Some(*base), *index, *displacement),
            _ => return None,
        };
        let named = is_register(destination, 5)
            && is_register(index, 4)
            && base.is_none_or(|base| is_register(base, 4));
        let displacement = immediate(displacement)?;
        named.then_some(Self { destination, base, index, displacement })
    }
}
