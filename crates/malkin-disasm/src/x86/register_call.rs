//! Resolves calls through registers, by walking back to where the register was loaded.

use malkin_loader::ApiName;

use super::jump_table::preserves_values;
use super::operand_text::{Line, family, is_name};
use super::{Finder, Row, Work};
use crate::flow::blocks::BlockRun;
use crate::flow::work::ComputedCall;
use crate::flow::{Accepted, Analysis, InstructionKind as _};

/// Most calls followed in one block.
const MAX_PER_BLOCK: u32 = 50;

/// Levels of predecessors.
const MAX_DEPTH: i32 = 3;

/// Register names and the values they were seen to get.
type Values = Vec<(String, u64)>;

impl Analysis<'_, Finder<'_>> {
    /// Resolves the register calls of a function that was accepted.
    pub(super) fn resolve_register_calls(&mut self, work: &Work, function: &Accepted) {
        for through_slot in [false, true] {
            let mut followed: Vec<u32> = vec![0; function.blocks.len()];
            for &site in work.computed_calls.iter().filter(|site| site.slot.is_some() == through_slot) {
                let Some((number, block)) = block_of(self.offset_of(site.at), work, function) else {
                    continue;
                };
                let Some(last) =
                    work.rows[..block.end()].iter().rposition(|row| self.address(*row) <= site.at)
                else {
                    continue;
                };
                if last < block.first as usize {
                    continue;
                }
                followed[number] += 1;
                if followed[number] > MAX_PER_BLOCK {
                    continue;
                }
                let block = BlockRun { first: block.first, count: (last + 1) as u32 - block.first };
                let operand = self.line(work.rows[last]).operands;
                let register = match site.slot {
                    None => operand,
                    Some(_) => self.slot_register(work, site.at),
                };
                self.walk_back(
                    work,
                    function,
                    block,
                    Values::new(),
                    register,
                    &mut Vec::new(),
                    MAX_DEPTH,
                    site,
                );
                if !self.budget.spend(16) {
                    return;
                }
            }
        }
    }

    fn offset_of(&self, address: u64) -> u32 {
        address.wrapping_sub(self.view.base) as u32
    }

    /// The register of `[register + x]`.
    fn slot_register(&self, work: &Work, at: u64) -> String {
        let offset = self.offset_of(at);
        let row =
            work.rows.binary_search_by_key(&offset, |row| row.offset).ok().and_then(|row| work.rows.get(row));
        let text = row.map(|&row| self.line(row).operands).unwrap_or_default();
        let inner = text.split('[').nth(1).unwrap_or("");
        inner.split([' ', ']']).next().unwrap_or("").to_owned()
    }

    /// Walks a block backwards, then its predecessors. Returns true when the search is over.
    #[expect(clippy::too_many_arguments, reason = "the arguments are the work of a recursive search")]
    fn walk_back(
        &mut self,
        work: &Work,
        function: &Accepted,
        block: BlockRun,
        mut values: Values,
        mut register: String,
        seen: &mut Vec<BlockRun>,
        depth: i32,
        site: ComputedCall,
    ) -> bool {
        if block.count == 0 || seen.contains(&block) {
            return false;
        }
        seen.push(block);
        for &row in work.rows[block.first as usize..block.end()].iter().rev() {
            if self.address(row) != site.at && !self.may_pass(row, &register) {
                return false;
            }
            let line = self.line(row);
            if line.address != site.at && !forget_overwritten(&line, &register, &mut values) {
                return false;
            }
            if self.read_load(&line, &mut register, &mut values) {
                self.settle(&register, &values, site);
                return true;
            }
        }
        if depth < 0 {
            return false;
        }
        let head = self.address(work.rows[block.first as usize]);
        for source in predecessors(work, function, head) {
            let known = seen.iter().any(|run| {
                let offset = self.offset_of(source);
                work.rows[run.first as usize..run.end()]
                    .binary_search_by_key(&offset, |row| row.offset)
                    .is_ok()
            });
            if known {
                continue;
            }
            let Some((_, block)) = block_of(self.offset_of(source), work, function) else { continue };
            if self.walk_back(work, function, block, values.clone(), register.clone(), seen, depth - 1, site)
            {
                return true;
            }
        }
        false
    }

    /// Whether the search may go on above an instruction.
    fn may_pass(&self, row: Row, register: &str) -> bool {
        let line = self.line(row);
        let bare = line.bare();
        matches!(bare, "mov" | "lea")
            || preserves_values(bare)
            || matches!(
                bare,
                "movaps" | "movapd" | "movups" | "movupd" | "movdqa" | "movdqu" | "movntps" | "movntdq"
            )
            || row.kind.is_call() && is_callee_saved(self.view.bits, register)
    }

    /// Applies a load to the values. Returns true when it sets the register the search is for.
    fn read_load(&self, line: &Line, register: &mut String, values: &mut Values) -> bool {
        let bare = line.bare();
        if !matches!(bare, "mov" | "lea") {
            return false;
        }
        let Some((destination, source)) =
            line.operands.split_once(", ").filter(|(name, _)| is_name(name, 2, 4))
        else {
            return false;
        };
        if bare == "mov" && is_name(source, 2, 4) && destination == register.as_str() {
            source.clone_into(register);
        }
        let value = if bare == "mov" { self.moved_value(line, source) } else { leaned_value(source) };
        let Some(value) = value else { return false };
        values.retain(|(name, _)| name != destination);
        values.push((destination.to_owned(), value));
        destination == register.as_str()
    }

    fn moved_value(&self, line: &Line, source: &str) -> Option<u64> {
        if let Some(value) = hex(source) {
            return Some(value);
        }
        if let Some(slot) = source.strip_prefix("dword ptr [").and_then(|rest| hex(rest.strip_suffix(']')?)) {
            if self.api_of(slot).is_some() {
                return Some(slot);
            }
            return self.view.value(slot, 4).filter(|&value| value != 0);
        }
        let rest = source.strip_prefix("qword ptr [rip ")?.strip_suffix(']')?;
        let slot = match (rest.strip_prefix("+ "), rest.strip_prefix("- ")) {
            (Some(digits), _) => line.next.wrapping_add(hex(digits)?),
            (_, Some(digits)) => line.next.wrapping_sub(hex(digits)?),
            _ => return None,
        };
        self.view.value(slot, 8).filter(|&value| value != 0)
    }

    fn api_of(&self, slot: u64) -> Option<&ApiName> {
        self.view.image.apis.get(&slot)
    }

    /// The register has a value: an API, or a function to analyse.
    fn settle(&mut self, register: &str, values: &Values, site: ComputedCall) {
        let value = values.iter().find(|(name, _)| name == register).map_or(0, |(_, value)| *value);
        if value == 0 {
            return;
        }
        if let Some(slot) = site.slot {
            let address = value.wrapping_add_signed(slot.displacement);
            if let Some(key) = self.view.value(address, slot.width) {
                self.note_slot_api(site.at, address, key, true);
            }
        } else if self.api_of(value).is_some() {
            self.note_slot_api(site.at, value, value, false);
        } else if self.view.contains(value) {
            self.add_candidate(value, false, Some(site.at));
        }
    }
}

/// The first block that contains an instruction.
fn block_of(offset: u32, work: &Work, function: &Accepted) -> Option<(usize, BlockRun)> {
    let row = work.rows.binary_search_by_key(&offset, |row| row.offset).ok()?;
    let upto = function.blocks.partition_point(|block| block.first as usize <= row);
    let mut found = None;
    for (number, block) in function.blocks[..upto].iter().enumerate().rev() {
        if row < block.end() {
            found = Some((number, *block));
        } else if found.is_some() {
            break;
        }
    }
    found
}

/// Drops what is known about a register that an instruction overwrites in a way that is not understood. Returns false if
/// that is the register the search is for.
fn forget_overwritten(line: &Line, register: &str, values: &mut Values) -> bool {
    if !matches!(line.bare(), "mov" | "lea") || is_understood(&line.operands) {
        return true;
    }
    let Some(written) = family(line.first()) else { return true };
    if Some(written) == family(register) {
        return false;
    }
    values.retain(|(name, _)| family(name) != Some(written));
    true
}

/// The five operand forms whose effect is followed.
fn is_understood(operands: &str) -> bool {
    let Some((destination, source)) = operands.split_once(", ") else { return false };
    let bracket = |prefix: &str| source.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(']'));
    let relative = || {
        let rest = bracket("qword ptr [rip ")?;
        hex(rest.strip_prefix("+ ").or_else(|| rest.strip_prefix("- "))?)
    };
    is_name(destination, 2, 4)
        && (is_name(source, 2, 4)
            || hex(source).is_some()
            || bracket("dword ptr [").and_then(hex).is_some()
            || relative().is_some()
            || bracket("[").and_then(hex).is_some())
}

/// `[0x1234]` or `dword ptr [0x1234]`.
fn leaned_value(source: &str) -> Option<u64> {
    hex(source.strip_prefix("dword ptr ").unwrap_or(source).strip_prefix('[')?.strip_suffix(']')?)
}

/// A whole text that is a hex literal of up to 16 digits.
fn hex(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    let plain =
        !digits.is_empty() && digits.len() <= 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, 16).ok())?
}

fn is_callee_saved(bits: u32, register: &str) -> bool {
    if matches!(register, "ebx" | "ebp" | "bx" | "bp" | "bl" | "bh") {
        return true;
    }
    if bits != 64 {
        return matches!(register, "esi" | "edi" | "si" | "di");
    }
    matches!(family(register), Some("r12" | "r13" | "r14" | "r15"))
        || matches!(register, "rbx" | "rbp" | "bpl")
}

/// Sources of the edges into a block, in the order the reference visits them: that of a Python set of integers.
fn predecessors(work: &Work, function: &Accepted, head: u64) -> Vec<u64> {
    let mut sources: Vec<u64> = Vec::new();
    for edge in work.edges.iter().filter(|edge| edge.to == head) {
        if !sources.contains(&edge.from) && function.graph.has(edge.from, head) {
            sources.push(edge.from);
        }
    }
    set_order(&sources)
}

/// Iteration order of a CPython set of small integers that were inserted in the given order.
fn set_order(values: &[u64]) -> Vec<u64> {
    let mut table: Vec<Option<u64>> = vec![None; 8];
    let mut used = 0;
    for &value in values {
        insert(&mut table, value);
        used += 1;
        if used * 5 >= (table.len() - 1) * 3 {
            let wanted = if used > 50_000 { used * 2 } else { used * 4 };
            let mut size = 8;
            while size <= wanted {
                size *= 2;
            }
            let old = std::mem::replace(&mut table, vec![None; size]);
            for value in old.into_iter().flatten() {
                insert(&mut table, value);
            }
        }
    }
    table.into_iter().flatten().collect()
}

/// Open addressing with nine linear probes and a perturbed walk. The table always has a free place.
fn insert(table: &mut [Option<u64>], value: u64) {
    const LINEAR_PROBES: usize = 9;
    const PERTURB_SHIFT: u32 = 5;
    const HASH_MODULUS: u64 = (1 << 61) - 1;
    let mask = table.len() - 1;
    let mut perturb = (value % HASH_MODULUS) as usize;
    let mut at = perturb & mask;
    loop {
        let probes = if at + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 };
        if let Some(free) = table[at..=at + probes].iter_mut().find(|place| place.is_none()) {
            *free = Some(value);
            return;
        }
        perturb >>= PERTURB_SHIFT;
        at = at.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb) & mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_iterate_as_in_cpython() {
        // list(s) after s = set(); s.add(x) for x in order, CPython 3.11.
        assert_eq!(set_order(&[0x401005, 0x401000]), [0x401000, 0x401005]);
        assert_eq!(set_order(&[8, 0]), [8, 0]);
        assert_eq!(set_order(&[16, 8, 0]), [16, 8, 0]);
        assert_eq!(set_order(&[7, 15, 1]), [1, 15, 7]);
    }

    #[test]
    fn forms_that_are_not_understood_are_told_apart() {
        assert!(is_understood("eax, dword ptr [0x401000]"));
        assert!(is_understood("rax, qword ptr [rip - 0x10]"));
        assert!(is_understood("eax, ecx"));
        assert!(!is_understood("rax, [rip + 0x10]"));
        assert!(!is_understood("eax, dword ptr [ecx]"));
        assert_eq!(leaned_value("[0x10]"), Some(16));
    }
}
