//! The escaper of 32-bit ARM (A32 and T32): groups by the base of the mnemonic, operands by their text, bytes by the
//! encoding.
//!
//! No decoder is involved on either path, so both give the same text; they count calls differently. Encodings are those of
//! the ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition (DDI 0406C). SMDA reference: `ArmInstructionEscaper`.

mod binary;
mod mnemonic;
mod operands;

use malkin_report::Instruction;

use super::BinaryContext;

/// `data/arm_escaper.txt`.
const TABLE: &str = include_str!("../../../../data/arm_escaper.txt");

pub(super) fn group(instruction: &Instruction<'_>) -> u8 {
    mnemonic::group(instruction.mnemonic)
}

pub(super) fn escape_operands(instruction: &Instruction<'_>, out: &mut String) {
    operands::escape(instruction.operands, out);
}

pub(super) fn group_with_report(instruction: &Instruction<'_>, _thumb: bool) -> u8 {
    group(instruction)
}

pub(super) fn escape_operands_with_report(instruction: &Instruction<'_>, _thumb: bool, out: &mut String) {
    escape_operands(instruction, out);
}

pub(super) fn is_call_with_report(instruction: &Instruction<'_>) -> bool {
    mnemonic::is_call(instruction.mnemonic)
}

pub(super) fn escape_binary(instruction: &Instruction<'_>, context: &BinaryContext, out: &mut Vec<u8>) {
    binary::escape(instruction.bytes, context.thumb, out);
}
