//! The prefix words in front of a mnemonic: `lock`, `rep`, `bnd`, `notrack` and their kin.

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind};

use crate::x86::is_far_branch;

/// Legacy prefix bytes of an instruction as capstone remembers them: the last of each group.
#[derive(Clone, Copy, Default)]
pub(super) struct Prefixes {
    /// F0, F2 or F3.
    repeat: u8,
    /// A segment override.
    pub(super) segment: u8,
    /// F2 or F3 when it opens the instruction and what follows makes it a lock elision hint.
    elision: u8,
}

impl Prefixes {
    pub(super) fn read(code: &[u8], bits: u32) -> Self {
        let mut prefixes = Self::default();
        for (position, &byte) in code.iter().enumerate() {
            match byte {
                0xf0 | 0xf2 | 0xf3 => {
                    prefixes.repeat = byte;
                    if position == 0 && byte != 0xf0 {
                        let next = code.get(1).copied().unwrap_or(0);
                        let exchange = next & 0xfe == 0x86 || next & 0xf8 == 0x90;
                        let store = byte == 0xf3 && matches!(next, 0x88 | 0x89 | 0xc6 | 0xc7);
                        if next == 0xf0 || exchange || store {
                            prefixes.elision = byte;
                        }
                    }
                }
                0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 => prefixes.segment = byte,
                0x66 | 0x67 => {}
                0x40..=0x4f if bits == 64 => {}
                _ => break,
            }
        }
        prefixes
    }

    /// Appends the words that fit the instruction, each with a blank.
    pub(super) fn write(self, instruction: &Instruction, out: &mut String) {
        let mnemonic = instruction.mnemonic();
        match self.repeat {
            0xf0 => {
                out.push_str(match self.elision {
                    0xf2 => "xacquire lock ",
                    0xf3 => "xrelease lock ",
                    _ => "lock ",
                });
            }
            0xf2 if self.elision != 0 && exchanges_memory(instruction) => out.push_str("xacquire "),
            0xf2 if is_string(mnemonic, instruction, self.repeat) => out.push_str("repne "),
            0xf2 if takes_bnd(instruction) => out.push_str("bnd "),
            0xf3 if self.elision != 0 && exchanges_memory(instruction) => out.push_str("xrelease "),
            0xf3 if is_string(mnemonic, instruction, self.repeat) => {
                out.push_str(if compares(mnemonic) { "repe " } else { "rep " });
            }
            0xf3 if mnemonic == Mnemonic::Ret => out.push_str("repz "),
            _ => {}
        }
        if self.segment == 0x3e && takes_notrack(instruction) {
            out.push_str("notrack ");
        }
    }
}

fn exchanges_memory(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Xchg && instruction.op0_kind() == OpKind::Memory
}

fn compares(mnemonic: Mnemonic) -> bool {
    use Mnemonic::{Cmpsb, Cmpsd, Cmpsq, Cmpsw, Scasb, Scasd, Scasq, Scasw};
    matches!(mnemonic, Cmpsb | Cmpsw | Cmpsd | Cmpsq | Scasb | Scasw | Scasd | Scasq)
}

/// Capstone mistakes F2 in front of the 32-bit `movsd` for part of the SSE instruction of that name.
fn is_string(mnemonic: Mnemonic, instruction: &Instruction, repeat: u8) -> bool {
    instruction.is_string_instruction() && !(repeat == 0xf2 && mnemonic == Mnemonic::Movsd)
}

/// Cheap test on the first bytes: whether looking for prefix words is worth it.
pub(super) fn may_have_words(code: &[u8], bits: u32) -> bool {
    let is_legacy = |byte: &u8| matches!(byte, 0xf0 | 0xf2 | 0xf3 | 0x3e | 0x26 | 0x2e | 0x36 | 0x64..=0x67);
    let first = usize::from(bits == 64 && code.first().is_some_and(|byte| byte & 0xf0 == 0x40));
    // A second REX is no legacy prefix, but one may follow it.
    code.get(first).is_some_and(|byte| is_legacy(byte) || first == 1 && byte & 0xf0 == 0x40)
}

fn takes_bnd(instruction: &Instruction) -> bool {
    match instruction.flow_control() {
        FlowControl::ConditionalBranch => {
            !matches!(instruction.mnemonic(), Mnemonic::Loop | Mnemonic::Loope | Mnemonic::Loopne)
        }
        FlowControl::Return => matches!(instruction.mnemonic(), Mnemonic::Ret | Mnemonic::Retf),
        _ => takes_notrack(instruction),
    }
}

fn takes_notrack(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Jmp | Mnemonic::Call) && !is_far_branch(instruction)
}
