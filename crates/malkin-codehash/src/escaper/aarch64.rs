//! The escaper of 64-bit ARM.
//!
//! Without a report, groups and operands follow from the text. While a report is attached the reference asks its decoder
//! instead; [`decoder`] reproduces those answers from the text that the same decoder printed, so no decoder is needed here.
//! The binary escape is the same on both paths. SMDA reference: `AArch64InstructionEscaper`, `AArch64CapstoneVerification`.

mod binary;
mod decoder;
mod mnemonic;
mod operands;
mod table;

use malkin_report::Instruction;

use super::{BinaryContext, last_word};
use crate::python_text::little_endian_word;

pub(super) fn group(instruction: &Instruction<'_>) -> u8 {
    mnemonic::group(last_word(instruction.mnemonic), instruction.operands)
}

pub(super) fn escape_operands(instruction: &Instruction<'_>, out: &mut String) {
    operands::escape(instruction.mnemonic, instruction.operands, out);
}

/// Whether the reference's decoder answers for an instruction. Where it does not, the text decides on both paths. Whether a
/// word is an instruction at all is not examined: what has been printed has been decoded.
fn is_decoded(instruction: &Instruction<'_>) -> bool {
    instruction.mnemonic != "error" && matches!(little_endian_word(instruction.bytes), Some((_, 4)))
}

pub(super) fn group_with_report(instruction: &Instruction<'_>, _thumb: bool) -> u8 {
    if is_decoded(instruction) {
        decoder::group(instruction.mnemonic, instruction.operands)
    } else {
        group(instruction)
    }
}

pub(super) fn escape_operands_with_report(instruction: &Instruction<'_>, _thumb: bool, out: &mut String) {
    if is_decoded(instruction) {
        decoder::escape(instruction.mnemonic, instruction.operands, out);
    } else {
        escape_operands(instruction, out);
    }
}

pub(super) fn is_call_with_report(instruction: &Instruction<'_>) -> bool {
    table::TABLES.calls.contains(&last_word(instruction.mnemonic))
}

pub(super) fn escape_binary(instruction: &Instruction<'_>, _context: &BinaryContext, out: &mut Vec<u8>) {
    binary::escape(instruction, out);
}
