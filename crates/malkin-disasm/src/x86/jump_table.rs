//! Finds the tables computed jumps read their targets from.
//!
//! The search looks at the text of the instructions with the fifty next lower addresses, as the reference does: tables
//! are recognised by the shapes compilers give the instructions in front of the jump.

mod bound;
mod index;

use rustc_hash::FxHashSet;

pub(super) use self::bound::preserves_values;
use self::bound::{index_key, table_bound};
use super::operand_text::{
    Line, family, first_address, first_literal, is_name, is_register, without_segment,
};
use super::{Finder, Row, Work};
use crate::flow::Analysis;
use crate::flow::image_view::ImageView;

/// Instructions looked at.
const WINDOW: usize = 50;

/// Most entries of a table whose bound is unknown.
const UNBOUND_ENTRIES: u64 = 0xff;

/// Starts of tables that `lea register, [rip + x]` refers to in front of a load of a relative entry: another table ends
/// there.
pub(super) fn table_starts(memory: &ImageView<'_>) -> FxHashSet<u64> {
    let data = memory.data;
    let mut starts = FxHashSet::default();
    let mut skip_to = 0;
    for at in memory.sparse.bytes_iter(0x8d) {
        let Some(start) = at.checked_sub(1).filter(|&start| start >= skip_to) else { continue };
        let Some(length) = table_reference(&data[start..]) else { continue };
        skip_to = start + length;
        if let Some(distance) = data.get(start + 3..).and_then(|rest| rest.first_chunk::<4>()) {
            let next = memory.base.wrapping_add(start as u64 + 7);
            let target = next.wrapping_add_signed(i64::from(i32::from_le_bytes(*distance)));
            if memory.contains(target) {
                starts.insert(target);
            }
        }
    }
    starts
}

/// Length of a `lea` with 64-bit operand size and the load behind it.
fn table_reference(code: &[u8]) -> Option<usize> {
    if !matches!(code, [0x48 | 0x4c, 0x8d, ..]) {
        return None;
    }
    match code.get(7..)? {
        [_, 0x63, ..] => Some(9),
        [0x77, ..] => Some(8),
        [_, 0x89, _, _, 0x63, ..] => Some(12),
        _ => None,
    }
}

impl Analysis<'_, Finder<'_>> {
    /// Targets of a computed jump, in the order the reference follows them.
    pub(super) fn jump_table(&mut self, jump: Row, work: &mut Work) -> Vec<u64> {
        work.sort_rows();
        let end = work.rows.partition_point(|row| row.offset < jump.offset);
        let window = &work.rows[end.saturating_sub(WINDOW)..end];
        let lines: Vec<Line> = window.iter().map(|&row| self.line(row)).collect();
        let operand = without_segment(&self.operand_text(jump));
        let search = Search { address: self.address(jump), operand: &operand, lines: &lines };
        let bound = table_bound(&lines, index_key(&operand));
        let mut targets = self.table_by_shape(&search, bound, work);
        if targets.is_empty() {
            targets = self.table_by_base(&search, bound, work);
        }
        if !targets.is_empty() {
            self.mark_index_table(&search, work);
        }
        targets
    }

    fn table_by_shape(&mut self, search: &Search<'_>, bound: u64, work: &mut Work) -> Vec<u64> {
        if search.operand.starts_with("dword ptr [") || search.operand.starts_with("qword ptr [") {
            return self.pointer_table(search, bound, work);
        }
        let shape = search.shape();
        if shape.starts_with("mov") {
            return self.loaded_table(search, bound, work);
        }
        if shape.starts_with("add-movsxd") {
            let table = search.lea_table(None);
            let base = match search.lines.last() {
                Some(last) if last.operands.contains("rsi") => search.lea_table(Some("rsi")),
                _ => None,
            };
            refer_lea(table, work);
            refer_lea(base, work);
            let base = base.map_or(0, |base| base.1);
            return self.relative_table(search, bound, table.map_or(0, |table| table.1), base, 0, work);
        }
        if shape.starts_with("lea") || shape.starts_with("add-add") || shape.starts_with("add-shr") {
            let table = search.lea_table(None);
            refer_lea(table, work);
            return self.relative_table(search, bound, table.map_or(0, |table| table.1), 0, 0, work);
        }
        if shape.starts_with("add-mov") {
            let table = search.lea_table(None);
            refer_lea(table, work);
            let bonus = search.bonus();
            return self.relative_table(search, bound, table.map_or(0, |table| table.1), 0, bonus, work);
        }
        Vec::new()
    }

    /// `jmp dword ptr [register*4 + table]`: pointers until the first that is none.
    fn pointer_table(&mut self, search: &Search<'_>, bound: u64, work: &mut Work) -> Vec<u64> {
        let table = first_address(search.operand).unwrap_or(0);
        let width = self.view.bits / 8;
        let mut targets = Vec::new();
        if table == 0 || !self.view.contains(table) {
            return targets;
        }
        for entry in 0..entries(bound) {
            let address = table.wrapping_add(entry * u64::from(width));
            if !self.budget.spend(1) {
                break;
            }
            match self.view.value(address, width) {
                Some(target) if target != 0 && self.view.is_code_pointer(target) => {
                    self.refer_table(work, search.address, address, width);
                    targets.push(target);
                }
                _ => break,
            }
        }
        targets
    }

    /// `mov register, [index*4 + table]; jmp register`.
    fn loaded_table(&mut self, search: &Search<'_>, bound: u64, work: &mut Work) -> Vec<u64> {
        let Some((line, operands, width)) = search.loaded_address() else { return Vec::new() };
        work.refer_literal(line, first_literal(operands), width);
        self.direct_table(search, bound, first_address(operands).unwrap_or(0), width, work)
    }

    /// Absolute pointers of a given width; sorted.
    fn direct_table(
        &mut self,
        search: &Search<'_>,
        bound: u64,
        table: u64,
        width: u32,
        work: &mut Work,
    ) -> Vec<u64> {
        let mut targets = Vec::new();
        if table == 0 || !self.view.contains(table) {
            return targets;
        }
        for entry in 0..entries(bound) {
            let address = table.wrapping_add(entry * u64::from(width));
            let Some(target) = self.view.value(address, width) else { break };
            if !self.budget.spend(1) {
                break;
            }
            if target == 0 || !self.view.is_code_pointer(target) {
                if bound != 0 {
                    continue;
                }
                break;
            }
            targets.push(target);
            self.refer_table(work, search.address, address, width);
        }
        sorted(targets)
    }

    /// Distances of four bytes from a base; sorted. `base` 0 means that they count from the table.
    fn relative_table(
        &mut self,
        search: &Search<'_>,
        bound: u64,
        table: u64,
        base: u64,
        bonus: i64,
        work: &mut Work,
    ) -> Vec<u64> {
        let mut targets = Vec::new();
        let first = table.wrapping_add_signed(bonus);
        if table == 0 || !self.view.contains(table) || first < self.view.base || (bonus < 0 && first > table)
        {
            return targets;
        }
        let origin = if base == 0 { table } else { base };
        for entry in 0..entries(bound) {
            if !self.budget.spend(1) {
                break;
            }
            let address = first.wrapping_add(4 * entry);
            let Some(distance) = self.view.value(address, 4) else { break };
            if entry > 0 && self.isa.table_starts.contains(&table.wrapping_add(4 * entry)) {
                break;
            }
            let distance = i64::from(distance as u32 as i32);
            let target = origin.wrapping_add_signed(distance) & self.view.mask;
            if !self.view.is_code_pointer(target) {
                break;
            }
            if distance != 0 {
                targets.push(target);
                self.refer_table(work, search.address, address, 4);
            } else if base == 0 {
                break;
            }
        }
        sorted(targets)
    }

    /// `[base + index*8]` where the base register holds an address known by a `lea`.
    fn table_by_base(&mut self, search: &Search<'_>, bound: u64, work: &mut Work) -> Vec<u64> {
        if self.view.image.position_independent_elf {
            return Vec::new();
        }
        let mut before = search.lines;
        let mut base = base_of_table(search.operand);
        if base.is_none() {
            let Some(register) = family(search.operand) else { return Vec::new() };
            for (position, line) in search.lines.iter().enumerate().rev() {
                if bound::writes(line, register) == Some(false) {
                    continue;
                }
                if line.bare() == "mov" {
                    base = base_of_table(&line.operands);
                }
                before = &search.lines[..position];
                break;
            }
        }
        let Some((line, table)) = base.and_then(|base| lea_of_register(base, before)) else {
            return Vec::new();
        };
        work.refer(line, table, 8);
        self.direct_table(search, bound, table, 8, work)
    }
}

/// The jump and the instructions in front of it.
struct Search<'a> {
    /// Address of the jump.
    address: u64,
    /// Its operand.
    operand: &'a str,
    /// Instructions with lower addresses, ascending.
    lines: &'a [Line],
}

impl Search<'_> {
    /// Mnemonics of the three lines in front of the jump, newest first.
    fn shape(&self) -> String {
        let newest: Vec<&str> = self.lines.iter().rev().take(3).map(|line| line.mnemonic.as_str()).collect();
        newest.join("-")
    }

    /// Instruction, operands with the table's address, and entry width of the newest table load or table addition.
    fn loaded_address(&self) -> Option<(u64, &str, u32)> {
        let register = self.operand.to_lowercase();
        for line in self.lines.iter().rev() {
            if line.mnemonic == "mov" {
                let wide = is_scaled_load(&line.operands);
                if wide || is_narrow_load(&line.operands) {
                    return Some((line.address, &line.operands, if wide { 8 } else { 4 }));
                }
            }
            if line.mnemonic == "add" && line.operands.starts_with(&register) {
                return Some((line.address, &line.operands, 4));
            }
        }
        None
    }

    /// The newest `lea register, [rip + x]`: its own address and the one it computes.
    fn lea_table(&self, containing: Option<&str>) -> Option<(u64, u64)> {
        let fits = |line: &&Line| {
            line.mnemonic == "lea"
                && is_relative_lea(&line.operands)
                && containing.is_none_or(|text| line.operands.contains(text))
        };
        self.lines.iter().rev().find(fits).map(|line| (line.address, lea_target(line)))
    }

    /// Displacement of the newest load among the last three lines.
    fn bonus(&self) -> i64 {
        let newest = self.lines.iter().rev().take(3);
        let mut loads = newest.filter(|line| line.mnemonic == "mov" && is_displaced_load(&line.operands));
        loads.next().map_or(0, |line| first_literal(&line.operands))
    }
}

fn refer_lea(found: Option<(u64, u64)>, work: &mut Work) {
    if let Some((line, table)) = found {
        work.refer(line, table, 4);
    }
}

fn entries(bound: u64) -> u64 {
    if bound == 0 { UNBOUND_ENTRIES } else { bound }
}

fn sorted(mut targets: Vec<u64>) -> Vec<u64> {
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn lea_target(line: &Line) -> u64 {
    line.next.wrapping_add_signed(first_literal(&line.operands))
}

/// `register, [rip + 0x10]`; further text may follow.
fn is_relative_lea(operands: &str) -> bool {
    let Some((register, rest)) = operands.split_once(", [rip ") else { return false };
    let literal = rest.strip_prefix("+ 0x").or_else(|| rest.strip_prefix("- 0x"));
    is_name(register, 2, 3) && literal.is_some_and(closes)
}

/// Hex digits and a closing bracket.
fn closes(digits: &str) -> bool {
    let count = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    count > 0 && digits.as_bytes().get(count) == Some(&b']')
}

/// `register, dword ptr [anything + 0x10]`, without a blank in `anything`.
fn is_narrow_load(operands: &str) -> bool {
    let Some((register, rest)) = operands.split_once(", dword ptr [") else { return false };
    let Some((inner, digits)) = rest.split_once(" + 0x") else { return false };
    is_name(register, 2, 3) && !inner.is_empty() && !inner.contains(' ') && closes(digits)
}

/// `register, qword ptr [register*8 + 0x10]`.
fn is_scaled_load(operands: &str) -> bool {
    let Some((register, rest)) = operands.split_once(", qword ptr [") else { return false };
    let Some((inner, digits)) = rest.split_once(" + 0x") else { return false };
    let scaled = inner
        .split_once('*')
        .is_some_and(|(index, scale)| is_register(index, 4) && matches!(scale, "1" | "2" | "4" | "8"));
    is_name(register, 2, 3) && scaled && closes(digits)
}

/// `register,` and somewhere behind it `0x10]`.
fn is_displaced_load(operands: &str) -> bool {
    let Some((register, rest)) = operands.split_once(',') else { return false };
    is_name(register, 2, 3) && rest.match_indices("0x").any(|(at, _)| closes(&rest[at + 2..]))
}

/// The base of `qword ptr [base + index*8]`, alone or loaded to a register.
fn base_of_table(operands: &str) -> Option<&str> {
    let memory = match operands.split_once(", ") {
        Some((register, memory)) if is_register(register, 4) => memory,
        Some(_) => return None,
        None => operands,
    };
    let inner = memory.strip_prefix("qword ptr [")?.strip_suffix("*8]")?;
    let (base, index) = inner.split_once(" + ")?;
    (is_register(base, 4) && is_register(index, 4)).then_some(base)
}

/// The address in a register: the newest `lea` to it that nothing overwrote since.
fn lea_of_register(name: &str, lines: &[Line]) -> Option<(u64, u64)> {
    let register = family(name)?;
    for line in lines.iter().rev() {
        if line.bare() == "lea" && is_relative_lea(&line.operands) && family(line.first()) == Some(register) {
            return Some((line.address, lea_target(line)));
        }
        if bound::writes(line, register) != Some(false) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_told_apart_by_their_text() {
        assert!(is_narrow_load("eax, dword ptr [eax*4 + 0x401000]"));
        assert!(!is_narrow_load("eax, dword ptr [ecx + eax*4 + 0x401000]"));
        assert!(!is_narrow_load("eax, dword ptr [eax*4 + 8]"));
        assert!(is_scaled_load("rax, qword ptr [rax*8 + 0x401000]"));
        assert!(is_relative_lea("rdx, [rip + 0x100]"));
        assert!(!is_relative_lea("rdx, [rip + 8]"));
        assert_eq!(base_of_table("rax, qword ptr [rdx + rcx*8]"), Some("rdx"));
        assert_eq!(base_of_table("qword ptr [rdx + rcx*4]"), None);
    }
}
