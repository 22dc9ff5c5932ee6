//! Escaper of x86 and x64 (`data/intel_escaper.txt`), by the text that capstone prints.
//!
//! The text escape keeps the mnemonic's group and the class of each operand; the binary escape replaces addresses and jump
//! distances by question marks. Both see one instruction at a time. Server and report path do not differ.

mod binary;
mod operand;
mod table;

pub(super) use binary::escape_binary;
pub(crate) use operand::TextCode;
pub(super) use operand::escape_operands;

use malkin_report::Instruction;

use super::{is_plain_call, last_word};

/// Letter of the group of the mnemonic's last word; `U` for what the table does not know.
pub(super) fn group(instruction: &Instruction<'_>) -> u8 {
    table::mnemonic(last_word(instruction.mnemonic)).group()
}

/// The same as [`group`].
pub(super) fn group_with_report(instruction: &Instruction<'_>, _thumb: bool) -> u8 {
    group(instruction)
}

/// The same as [`escape_operands`].
pub(super) fn escape_operands_with_report(instruction: &Instruction<'_>, _thumb: bool, out: &mut String) {
    escape_operands(instruction, out);
}

/// The same as without a report.
pub(super) fn is_call_with_report(instruction: &Instruction<'_>) -> bool {
    is_plain_call(instruction.mnemonic)
}
