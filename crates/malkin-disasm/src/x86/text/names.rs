//! Names of mnemonics and registers.

use iced_x86::{Code, Instruction, Mnemonic, Register};

use crate::x86::is_far_branch;

/// Names by enumeration value.
#[derive(Clone, Debug)]
pub(super) struct Names {
    mnemonics: Vec<Box<str>>,
    registers: Vec<Box<str>>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            mnemonics: Mnemonic::values().map(mnemonic_name).collect(),
            registers: Register::values().map(register_name).collect(),
        }
    }

    pub(super) fn mnemonic(&self, mnemonic: Mnemonic) -> &str {
        &self.mnemonics[mnemonic as usize]
    }

    pub(super) fn register(&self, register: Register) -> &str {
        &self.registers[register as usize]
    }
}

/// The name of the enumeration value in lower case, unless capstone calls it something else.
fn mnemonic_name(mnemonic: Mnemonic) -> Box<str> {
    let name = match mnemonic {
        Mnemonic::Fcomip => "fcompi",
        Mnemonic::Fucomip => "fucompi",
        Mnemonic::Fneni => "feni8087_nop",
        Mnemonic::Fndisi => "fdisi8087_nop",
        Mnemonic::Fnsetpm => "fsetpm",
        Mnemonic::Getsecq => "getsec",
        Mnemonic::Pcmpestrm64 => "pcmpestrm",
        Mnemonic::Pcmpestri64 => "pcmpestri",
        Mnemonic::Popa => "popaw",
        Mnemonic::Popad => "popal",
        Mnemonic::Pusha => "pushaw",
        Mnemonic::Pushad => "pushal",
        _ => return format!("{mnemonic:?}").to_lowercase().into(),
    };
    name.into()
}

fn register_name(register: Register) -> Box<str> {
    let name = format!("{register:?}").to_lowercase();
    if register.is_st() {
        let number = register as u32 - Register::ST0 as u32;
        return format!("st({number})").into();
    }
    if let Some(number) = name.strip_prefix('r').and_then(|rest| rest.strip_suffix('l')) {
        return format!("r{number}b").into();
    }
    name.into()
}

/// Names that depend on more than the mnemonic.
pub(super) fn special_mnemonic(instruction: &Instruction, bits: u32) -> Option<&'static str> {
    match instruction.mnemonic() {
        Mnemonic::Mov if instruction.code() == Code::Mov_r64_imm64 => Some("movabs"),
        Mnemonic::Mov if bits == 64 && is_absolute_move(instruction.code()) => Some("movabs"),
        Mnemonic::Call if is_far_branch(instruction) => Some("lcall"),
        Mnemonic::Jmp if is_far_branch(instruction) => Some("ljmp"),
        Mnemonic::Retf if bits == 64 && matches!(instruction.code(), Code::Retfq | Code::Retfq_imm16) => {
            Some("retfq")
        }
        _ => None,
    }
}

/// Moves between the accumulator and an absolute address.
pub(super) fn is_absolute_move(code: Code) -> bool {
    use Code::{
        Mov_AL_moffs8, Mov_AX_moffs16, Mov_EAX_moffs32, Mov_RAX_moffs64, Mov_moffs8_AL, Mov_moffs16_AX,
        Mov_moffs32_EAX, Mov_moffs64_RAX,
    };
    matches!(
        code,
        Mov_AL_moffs8
            | Mov_AX_moffs16
            | Mov_EAX_moffs32
            | Mov_RAX_moffs64
            | Mov_moffs8_AL
            | Mov_moffs16_AX
            | Mov_moffs32_EAX
            | Mov_moffs64_RAX
    )
}
