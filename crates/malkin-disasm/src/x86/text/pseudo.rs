//! SSE comparisons whose condition is part of the mnemonic: `cmpltps`, `cmpnlesd`.

use iced_x86::{Instruction, Mnemonic, OpKind};

use crate::x86::text::names::Names;

/// Conditions of SSE comparisons.
const CONDITIONS: [&str; 8] = ["eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"];

/// Whether the last operand moves into the mnemonic.
pub(super) fn takes_condition(instruction: &Instruction) -> bool {
    parts(instruction).is_some()
}

/// Appends the mnemonic if it carries a condition.
pub(super) fn write(instruction: &Instruction, names: &Names, out: &mut String) -> bool {
    let Some((stem, condition)) = parts(instruction) else { return false };
    let name = names.mnemonic(instruction.mnemonic());
    out.push_str(stem);
    out.push_str(condition);
    out.push_str(name.get(stem.len()..).unwrap_or(""));
    true
}

/// The part in front of the condition, and the condition.
fn parts(instruction: &Instruction) -> Option<(&'static str, &'static str)> {
    use Mnemonic::{Cmppd, Cmpps, Cmpsd, Cmpss};
    if !matches!(instruction.mnemonic(), Cmpps | Cmppd | Cmpss | Cmpsd) {
        return None;
    }
    let last = instruction.op_count().checked_sub(1)?;
    if instruction.op_kind(last) != OpKind::Immediate8 {
        return None;
    }
    CONDITIONS.get(usize::from(instruction.immediate8())).map(|condition| ("cmp", *condition))
}
