//! Mnemonic and operand text of an instruction, character for character as capstone 5 prints it in Intel syntax.
//!
//! This text is what SMDA reports store and what their fuzzy hashes are made of. It is written directly from the decoded
//! operands: capstone's conventions (signs of immediates, size words, explicit and implicit operands) differ from those of
//! every formatter iced-x86 has. Not a general formatter: there is one syntax and there are no options.
//!
//! What is known to differ, all of it in encodings compilers do not emit (`tests/text.rs` counts them):
//!
//! | class | example |
//! |---|---|
//! | 66 with REX.W on `in`, `out`, `ins`, `outs`, `pushf`, `ret imm16` | `66 48 ed`: capstone prints `in ax, dx` |
//! | F2 or F3 with 66 on 0F opcodes: capstone prints a 32-bit memory size for a 16-bit register | `66 f3 0f 45 31` |
//! | 67 on a near `jcc` of 32-bit code: capstone uses half of the displacement | `67 0f 89 43 e2 18 34` |
//! | 66 on `jo` and `jno` of 64-bit code: capstone reads a 16-bit displacement | `66 0f 80 65 ef` |
//! | EVEX with reserved combinations of `z`, `b`, `L'L` or a register above 7 in 32-bit code | `62 f1 ed c6 f5 37` |
//! | VIA PadLock without its REP, 16-bit `bndldx`, `rep` before `xchg r8, rax` | `0f a7 c8` |

mod memory;
mod names;
mod number;
mod operands;
mod prefix;
mod pseudo;

use iced_x86::Instruction;

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
        let start = out.len();
        if prefix::may_have_words(code, self.bits) {
            prefix::Prefixes::read(code, self.bits).write(instruction, out);
        }
        if let Some(name) = names::special_mnemonic(instruction, code, self.bits) {
            out.push_str(name);
            return false;
        }
        if pseudo::write(instruction, &self.names, out) {
            return false;
        }
        let plain = out.len() == start;
        out.push_str(self.names.mnemonic(instruction.mnemonic()));
        plain
    }

    /// Appends the operands, nothing if there are none. `code` are the bytes of the instruction.
    pub fn operands(&self, instruction: &Instruction, code: &[u8], out: &mut String) {
        operands::Operands { instruction, code, names: &self.names, bits: self.bits }.write(out);
    }
}
