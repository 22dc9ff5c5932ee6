//! Memory operands: size word, segment, base, index, displacement.

use iced_x86::{Code, Instruction, MemorySize, Mnemonic, Register};

use super::Operands;
use super::names::is_absolute_move;
use super::number::{decimal, unsigned};
use crate::x86::is_far_branch;

/// The size word before the bracket of an explicit memory operand, with its blank.
#[expect(clippy::match_same_arms, reason = "one row for each kind of state image")]
pub(super) fn size_word(instruction: &Instruction) -> &'static str {
    use Mnemonic as M;
    match instruction.mnemonic() {
        M::Lea
        | M::Fxsave
        | M::Fxrstor
        | M::Sgdt
        | M::Sidt
        | M::Lgdt
        | M::Lidt
        | M::Fnstenv
        | M::Fstenv
        | M::Fldenv => "",
        M::Bndmk | M::Bndldx | M::Bndstx | M::Bndcl | M::Bndcu | M::Bndcn => "",
        M::Fnsave | M::Fsave | M::Frstor => "dword ptr ",
        M::Fbld | M::Fbstp => "tbyte ptr ",
        M::Invlpg => "byte ptr ",
        M::Comisd if instruction.code() == Code::Comisd_xmm_xmmm64 => "xmmword ptr ",
        M::Lds | M::Les | M::Lfs | M::Lgs | M::Lss => "ptr ",
        M::Fxsave64
        | M::Fxrstor64
        | M::Xsave
        | M::Xsave64
        | M::Xsavec
        | M::Xsavec64
        | M::Xsaveopt
        | M::Xsaveopt64 => "ptr ",
        M::Xsaves | M::Xsaves64 | M::Xrstor | M::Xrstor64 | M::Xrstors | M::Xrstors64 => "ptr ",
        M::Call | M::Jmp if matches!(instruction.code(), Code::Call_m1632 | Code::Jmp_m1632) => "ptr ",
        M::Call | M::Jmp if is_far_branch(instruction) => "",
        _ => pointer_word(instruction.memory_size()),
    }
}

/// The size word for a width.
pub(super) fn pointer_word(size: MemorySize) -> &'static str {
    match size.size() {
        1 => "byte ptr ",
        2 => "word ptr ",
        4 => "dword ptr ",
        8 => "qword ptr ",
        10 => "xword ptr ",
        16 => "xmmword ptr ",
        32 => "ymmword ptr ",
        64 => "zmmword ptr ",
        _ => "",
    }
}

impl Operands<'_> {
    /// Bracket of the one memory operand.
    pub(super) fn memory(&self, out: &mut String) {
        let instruction = self.instruction;
        out.push('[');
        let base = instruction.memory_base();
        let index = instruction.memory_index();
        let mut plus = false;
        let relative = matches!(base, Register::RIP | Register::EIP);
        if base != Register::None {
            out.push_str(self.names.register(base));
            plus = true;
        }
        if index != Register::None {
            if plus {
                out.push_str(" + ");
            }
            out.push_str(self.names.register(index));
            if instruction.memory_index_scale() != 1 {
                out.push('*');
                decimal(instruction.memory_index_scale(), out);
            }
            plus = true;
        } else if self.bits == 64 && !relative && self.shows_no_index(base) {
            out.push_str(if plus { " + riz" } else { "riz" });
            let scale = self.sib().map_or(1, |sib| 1 << (sib >> 6));
            if scale != 1 {
                out.push('*');
                decimal(scale, out);
            }
            plus = true;
        }
        let displacement = if relative {
            instruction.memory_displacement64().wrapping_sub(instruction.next_ip()) as i64
        } else if instruction.memory_displ_size() == 0 {
            0
        } else {
            self.signed_displacement(base, index)
        };
        let displacement = if base == Register::EIP { i64::from(displacement as i32) } else { displacement };
        if !plus {
            let mask = if self.bits == 64 { u64::MAX } else { 0xffff_ffff };
            unsigned(displacement as u64 & mask, out);
        } else if displacement < 0 {
            out.push_str(" - ");
            unsigned(displacement.unsigned_abs(), out);
        } else if displacement > 0 {
            out.push_str(" + ");
            unsigned(displacement as u64, out);
        }
        out.push(']');
    }

    /// Whether the absent index is shown as `riz`: a SIB byte that was not needed, or one with a scale.
    fn shows_no_index(&self, base: Register) -> bool {
        if base.is_gpr32() || base.is_gpr16() || is_absolute_move(self.instruction.code()) {
            return false;
        }
        let Some(sib) = self.sib() else { return false };
        sib >> 6 != 0 || !matches!(base, Register::None | Register::RSP | Register::R12)
    }

    /// The SIB byte, if there is one.
    fn sib(&self) -> Option<u8> {
        // A plain encoding has one prefix at most.
        let prefixed = matches!(self.code.first()?, 0x66 | 0xf2 | 0xf3)
            || self.bits == 64 && self.code.first()? & 0xf0 == 0x40;
        let opcode = self.code.get(usize::from(prefixed)..)?;
        let length = match (opcode.first()?, opcode.get(1)) {
            (0x0f, Some(0x38 | 0x3a)) => 3,
            (0x0f, _) => 2,
            _ => 1,
        };
        let modrm = opcode.get(length)?;
        (modrm & 7 == 4 && modrm >> 6 != 3).then(|| opcode.get(length + 1).copied())?
    }

    /// Displacement sign-extended from its width.
    fn signed_displacement(&self, base: Register, index: Register) -> i64 {
        let raw = self.instruction.memory_displacement64();
        match self.instruction.memory_displ_size() {
            2 if is_absolute_move(self.instruction.code()) => i64::from(raw as u16),
            4 if self.bits == 64 && is_absolute_move(self.instruction.code()) => i64::from(raw as u32),
            2 => i64::from(raw as i16),
            1 if base.is_gpr16() || index.is_gpr16() => i64::from(raw as i16),
            1 | 4 => i64::from(raw as i32),
            _ => raw as i64,
        }
    }
}
