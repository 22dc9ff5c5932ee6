//! Mnemonic and operand text of an instruction, character for character as capstone 5 prints it in Intel syntax.
//!
//! This text is what SMDA reports store and what their fuzzy hashes are made of. It is written directly from the decoded
//! operands: capstone's conventions (signs of immediates, size words, explicit and implicit operands) differ from those of
//! every formatter iced-x86 has. Not a general formatter: there is one syntax and there are no options.
//!
//! Only ordinary encodings are written here (see `super::decode::Plain`); the others come from capstone's own table
//! (`super::rows`).

mod memory;
mod names;
pub(super) mod number;
mod operands;
mod pseudo;

use iced_x86::Instruction;

use super::rows;
use names::Names;

/// Writes instruction text. Building one makes two tables of names; keep it for many instructions.
#[derive(Clone, Debug)]
pub struct TextWriter {
    names: Names,
    bits: u32,
}

impl TextWriter {
    /// A writer for 32-bit or 64-bit code; everything but 64 means 32.
    pub fn new(bits: u32) -> Self {
        Self { names: Names::new(), bits: if bits == 64 { 64 } else { 32 } }
    }

    /// Appends the mnemonic, prefix words included. `code` are the bytes of the instruction. Returns whether the text
    /// depends on nothing but the mnemonic iced-x86 gives the instruction.
    pub fn mnemonic(&self, instruction: &Instruction, code: &[u8], out: &mut String) -> bool {
        if rows::is_row(instruction) {
            if let Some(row) = rows::Instruction::decode(code, self.bits) {
                row.write_mnemonic(out);
            }
            return false;
        }
        if let Some(name) = names::special_mnemonic(instruction, self.bits) {
            out.push_str(name);
            return false;
        }
        if pseudo::write(instruction, &self.names, out) {
            return false;
        }
        out.push_str(self.names.mnemonic(instruction.mnemonic()));
        true
    }

    /// Appends the operands, nothing if there are none. `code` are the bytes of the instruction.
    pub fn operands(&self, instruction: &Instruction, code: &[u8], out: &mut String) {
        if rows::is_row(instruction) {
            if let Some(row) = rows::Instruction::decode(code, self.bits) {
                let address = instruction.next_ip().wrapping_sub(code.len() as u64);
                row.write_operands(address, out);
            }
            return;
        }
        Operands { instruction, code, names: &self.names, bits: self.bits }.write(out);
    }
}

/// What writing the operands of one instruction needs.
struct Operands<'a> {
    instruction: &'a Instruction,
    code: &'a [u8],
    names: &'a Names,
    bits: u32,
}
