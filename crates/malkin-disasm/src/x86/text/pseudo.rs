//! Comparisons whose condition is part of the mnemonic: `cmpltps`, `vcmpnge_uqsd`, `vpcmpleub`, `vpcomgtw`.

use iced_x86::{Instruction, Mnemonic, OpKind};

use crate::x86::text::names::Names;

/// Conditions of SSE and AVX floating point comparisons.
const FLOAT: [&str; 32] = [
    "eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord", "eq_uq", "nge", "ngt", "false", "neq_oq", "ge",
    "gt", "true", "eq_os", "lt_oq", "le_oq", "unord_s", "neq_us", "nlt_uq", "nle_uq", "ord_s", "eq_us",
    "nge_uq", "ngt_uq", "false_os", "neq_os", "ge_oq", "gt_oq", "true_us",
];

/// Conditions of AVX-512 integer comparisons; 3 and 7 have no name.
const INTEGER: [&str; 8] = ["eq", "lt", "le", "", "neq", "nlt", "nle", ""];

/// Conditions of XOP integer comparisons.
const XOP: [&str; 8] = ["lt", "le", "gt", "ge", "eq", "neq", "false", "true"];

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
    use Mnemonic::{
        Cmppd, Cmpps, Cmpsd, Cmpss, Vcmppd, Vcmpps, Vcmpsd, Vcmpss, Vpcmpb, Vpcmpd, Vpcmpq, Vpcmpub, Vpcmpud,
        Vpcmpuq, Vpcmpuw, Vpcmpw, Vpcomb, Vpcomd, Vpcomq, Vpcomub, Vpcomud, Vpcomuq, Vpcomuw, Vpcomw,
    };
    let (stem, table): (&str, &[&str]) = match instruction.mnemonic() {
        Cmpps | Cmppd | Cmpss | Cmpsd => ("cmp", &FLOAT[..8]),
        Vcmpps | Vcmppd | Vcmpss | Vcmpsd => ("vcmp", &FLOAT),
        Vpcmpb | Vpcmpw | Vpcmpd | Vpcmpq | Vpcmpub | Vpcmpuw | Vpcmpud | Vpcmpuq => ("vpcmp", &INTEGER),
        Vpcomb | Vpcomw | Vpcomd | Vpcomq | Vpcomub | Vpcomuw | Vpcomud | Vpcomuq => ("vpcom", &XOP),
        _ => return None,
    };
    let last = instruction.op_count().checked_sub(1)?;
    if instruction.op_kind(last) != OpKind::Immediate8 {
        return None;
    }
    let condition =
        table.get(usize::from(instruction.immediate8())).filter(|condition| !condition.is_empty())?;
    Some((stem, condition))
}

/// Width of the vector a broadcast fills, in bytes.
pub(super) fn vector_bytes(instruction: &Instruction) -> u32 {
    let registers =
        (0..instruction.op_count()).filter(|&operand| instruction.op_kind(operand) == OpKind::Register);
    registers.map(|operand| instruction.op_register(operand).size() as u32).max().unwrap_or(0)
}
