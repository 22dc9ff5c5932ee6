//! An instruction of the table as the recovery needs it: an iced-x86 instruction of the same length, kind, target and memory
//! operand. Its text and other operands are not meaningful; [`Instruction`] writes the text.

use iced_x86::{Code, CodeSize, Instruction as Plain, OpKind, Register as Name};

use super::Instruction;
use super::register::Register;
use super::specification::Bank;
use super::tables::Rows;

/// Relative branches by mnemonic: the codes for 32-bit and 64-bit code.
const BRANCHES: [(&str, Code, Code); 24] = [
    ("call", Code::Call_rel32_32, Code::Call_rel32_64),
    ("ja", Code::Ja_rel32_32, Code::Ja_rel32_64),
    ("jae", Code::Jae_rel32_32, Code::Jae_rel32_64),
    ("jb", Code::Jb_rel32_32, Code::Jb_rel32_64),
    ("jbe", Code::Jbe_rel32_32, Code::Jbe_rel32_64),
    ("jcxz", Code::Jcxz_rel8_32, Code::Jecxz_rel8_64),
    ("je", Code::Je_rel32_32, Code::Je_rel32_64),
    ("jecxz", Code::Jecxz_rel8_32, Code::Jecxz_rel8_64),
    ("jg", Code::Jg_rel32_32, Code::Jg_rel32_64),
    ("jge", Code::Jge_rel32_32, Code::Jge_rel32_64),
    ("jl", Code::Jl_rel32_32, Code::Jl_rel32_64),
    ("jle", Code::Jle_rel32_32, Code::Jle_rel32_64),
    ("jmp", Code::Jmp_rel32_32, Code::Jmp_rel32_64),
    ("jne", Code::Jne_rel32_32, Code::Jne_rel32_64),
    ("jno", Code::Jno_rel32_32, Code::Jno_rel32_64),
    ("jnp", Code::Jnp_rel32_32, Code::Jnp_rel32_64),
    ("jns", Code::Jns_rel32_32, Code::Jns_rel32_64),
    ("jo", Code::Jo_rel32_32, Code::Jo_rel32_64),
    ("jp", Code::Jp_rel32_32, Code::Jp_rel32_64),
    ("jrcxz", Code::Jecxz_rel8_32, Code::Jrcxz_rel8_64),
    ("js", Code::Js_rel32_32, Code::Js_rel32_64),
    ("loop", Code::Loop_rel8_32_ECX, Code::Loop_rel8_64_RCX),
    ("loope", Code::Loope_rel8_32_ECX, Code::Loope_rel8_64_RCX),
    ("loopne", Code::Loopne_rel8_32_ECX, Code::Loopne_rel8_64_RCX),
];

/// Whether an instruction was made here. Its size of code says so: nothing else in this crate decodes 16-bit code.
pub(in crate::x86) fn is_row(instruction: &Plain) -> bool {
    instruction.code_size() == CodeSize::Code16
}

impl Instruction {
    /// What the recovery needs of this instruction.
    pub(in crate::x86) fn to_flow(&self, address: u64) -> Plain {
        let mut plain = self.branch(address).unwrap_or_else(|| self.other(address));
        plain.set_code_size(CodeSize::Code16);
        plain.set_len(self.length);
        plain.set_next_ip(address.wrapping_add(self.length as u64));
        plain
    }

    fn branch(&self, address: u64) -> Option<Plain> {
        if Rows::get().layout(self.form) != "<rel0>" {
            return None;
        }
        let at = BRANCHES.binary_search_by_key(&self.plain_mnemonic(), |row| row.0).ok()?;
        let (_, narrow, long) = BRANCHES[at];
        let mut plain = Plain::new();
        plain.set_code(if self.bits == 64 { long } else { narrow });
        plain.set_op0_kind(OpKind::NearBranch64);
        plain.set_near_branch64(self.target_of(self.number(0)?, address));
        Some(plain)
    }

    fn other(&self, address: u64) -> Plain {
        let layout = Rows::get().layout(self.form);
        let mut plain = Plain::new();
        plain.set_code(code_of(self.plain_mnemonic(), layout));
        if let Some((place, moved)) = memory_place(layout) {
            self.set_memory(&mut plain, place, moved, address);
        } else if self.plain_mnemonic() == "int" {
            plain.set_op0_kind(OpKind::Immediate8);
            plain.set_immediate8(self.number(0).unwrap_or(0) as u8);
        } else if let (true, Some(register)) = (layout == "<0>", self.register(0)) {
            plain.set_op0_kind(OpKind::Register);
            plain.set_op0_register(name_of(register));
        }
        plain
    }

    /// The memory operand at a place; `moved` says that it is an address alone.
    fn set_memory(&self, plain: &mut Plain, place: usize, moved: bool, address: u64) {
        let register = |at: usize| self.register(place + at).map_or(Name::None, name_of);
        plain.set_op0_kind(OpKind::Memory);
        plain.set_memory_displ_size(if self.bits == 64 { 8 } else { 4 });
        if moved {
            plain.set_segment_prefix(register(1));
            plain.set_memory_displacement64(self.number(place).unwrap_or(0) as u64);
            return;
        }
        let base = register(0);
        plain.set_memory_base(base);
        plain.set_memory_index(register(2));
        plain.set_segment_prefix(register(4));
        let displacement = self.number(place + 3).unwrap_or(0);
        // Displacements from the instruction pointer are absolute in iced-x86.
        let next = address.wrapping_add(self.length as u64);
        let origin = if matches!(base, Name::RIP | Name::EIP) { next } else { 0 };
        plain.set_memory_displacement64(origin.wrapping_add_signed(displacement));
    }
}

/// Where the operands of the memory operand of a layout begin, and whether it is an absolute move.
fn memory_place(layout: &str) -> Option<(usize, bool)> {
    let token = layout.split('<').skip(1).find_map(|rest| {
        let (printer, place) = rest.split_once('>')?.0.rsplit_once(':')?;
        let moved = printer.starts_with("offs.");
        (moved || !printer.contains('.') && printer != "u8").then_some((place, moved))
    })?;
    Some((token.0.parse().ok()?, token.1))
}

/// A code of the kind the mnemonic names.
fn code_of(mnemonic: &str, layout: &str) -> Code {
    match mnemonic {
        "call" => match layout {
            "<word:0>" => Code::Call_rm16,
            "<qword:0>" => Code::Call_rm64,
            "<ptr:0>" => Code::Call_m1632,
            _ => Code::Call_rm32,
        },
        "jmp" => match layout {
            "<word:0>" => Code::Jmp_rm16,
            "<qword:0>" => Code::Jmp_rm64,
            "<ptr:0>" => Code::Jmp_m1632,
            _ => Code::Jmp_rm32,
        },
        "lcall" => Code::Call_m1616,
        "ljmp" => Code::Jmp_m1616,
        "ret" => Code::Retnd,
        "retf" | "retfq" => Code::Retfd,
        "iret" | "iretd" | "iretq" => Code::Iretd,
        "int3" => Code::Int3,
        "int" => Code::Int_imm8,
        "hlt" => Code::Hlt,
        "ud0" => Code::Ud0,
        "ud1" => Code::Ud1_r32_rm32,
        "ud2" => Code::Ud2,
        "sysret" => Code::Sysretd,
        "sysexit" => Code::Sysexitd,
        "syscall" => Code::Syscall,
        "endbr32" => Code::Endbr32,
        "endbr64" => Code::Endbr64,
        "nop" => Code::Nop_rm32,
        "push" => Code::Push_rm32,
        "leave" => Code::Leaved,
        _ => Code::Not_rm32,
    }
}

fn name_of(register: Register) -> Name {
    let numbered = |first: Name, number: u8| first + u32::from(number);
    match register {
        Register::General(1, _) => Name::None,
        Register::General(2, number) => numbered(Name::AX, number),
        Register::General(4, number) => numbered(Name::EAX, number),
        Register::General(_, number) => numbered(Name::RAX, number),
        Register::Of(Bank::Segment, number) => numbered(Name::ES, number),
        Register::Of(Bank::Xmm, number) => numbered(Name::XMM0, number),
        Register::Of(Bank::Ymm, number) => numbered(Name::YMM0, number),
        Register::Of(Bank::Zmm, number) => numbered(Name::ZMM0, number),
        Register::Rip => Name::RIP,
        Register::Eip => Name::EIP,
        // Printed, so the operand is not an address alone.
        Register::Riz => Name::RSP,
        _ => Name::None,
    }
}
