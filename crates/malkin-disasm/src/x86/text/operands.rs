//! Operand text.

use iced_x86::{Code, Mnemonic, OpKind, Register};

use super::Operands;
use super::memory::{pointer_word, size_word};
use super::number::{signed, unsigned};
use super::pseudo;
use crate::x86::branch_target;

impl Operands<'_> {
    /// Appends all operands that capstone shows.
    pub(super) fn write(&self, out: &mut String) {
        let start = out.len();
        let (first, end) = self.visible();
        for operand in first..end {
            if out.len() > start {
                out.push_str(", ");
            }
            self.operand(operand, out);
        }
        self.implicit_tail(out);
    }

    /// The range of operands that are printed.
    fn visible(&self) -> (u32, u32) {
        let count = self.instruction.op_count();
        let code = self.instruction.code();
        match self.instruction.mnemonic() {
            Mnemonic::Xlatb => (0, 0),
            Mnemonic::Rcl if self.instruction.op0_kind() == OpKind::Memory && is_rotate_by_one(code) => {
                (0, 1)
            }
            Mnemonic::Maskmovq | Mnemonic::Maskmovdqu => (1, count),
            _ if is_short_float(code) => (1, 2),
            _ if is_pop_float(code) => (0, 1),
            _ if count > 0 && pseudo::takes_condition(self.instruction) => (0, count - 1),
            _ => (0, count),
        }
    }

    fn operand(&self, operand: u32, out: &mut String) {
        let instruction = self.instruction;
        match instruction.op_kind(operand) {
            OpKind::Register => self.register(operand, out),
            OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
                unsigned(branch_target(instruction), out);
            }
            OpKind::FarBranch16 | OpKind::FarBranch32 => self.far_branch(operand, out),
            OpKind::Memory => {
                out.push_str(size_word(instruction));
                self.memory(out);
            }
            OpKind::MemorySegSI => self.index(Register::SI, false, out),
            OpKind::MemorySegESI => self.index(Register::ESI, false, out),
            OpKind::MemorySegRSI => self.index(Register::RSI, false, out),
            OpKind::MemoryESDI => self.index(Register::DI, true, out),
            OpKind::MemoryESEDI => self.index(Register::EDI, true, out),
            OpKind::MemoryESRDI => self.index(Register::RDI, true, out),
            kind => self.immediate(kind, operand, out),
        }
    }

    fn register(&self, operand: u32, out: &mut String) {
        let register = self.instruction.op_register(operand);
        let shown = match self.instruction.mnemonic() {
            Mnemonic::Arpl
            | Mnemonic::Ltr
            | Mnemonic::Lldt
            | Mnemonic::Verr
            | Mnemonic::Verw
            | Mnemonic::Lmsw => narrow(register),
            Mnemonic::Lsl | Mnemonic::Lar if operand == 1 && register.is_gpr64() => {
                register.full_register32()
            }
            Mnemonic::Pinsrw
            | Mnemonic::Pextrw
            | Mnemonic::Movmskps
            | Mnemonic::Movmskpd
            | Mnemonic::Pmovmskb
                if register.is_gpr64() =>
            {
                register.full_register32()
            }
            _ => register,
        };
        out.push_str(self.names.register(shown));
    }

    /// `selector:offset` of a far jump, `selector, offset` of a far call.
    fn far_branch(&self, operand: u32, out: &mut String) {
        let instruction = self.instruction;
        unsigned(u64::from(instruction.far_branch_selector()), out);
        out.push_str(if instruction.mnemonic() == Mnemonic::Jmp { ":" } else { ", " });
        let offset = if instruction.op_kind(operand) == OpKind::FarBranch16 {
            u32::from(instruction.far_branch16())
        } else {
            instruction.far_branch32()
        };
        unsigned(u64::from(offset), out);
    }

    /// The implied memory operand of a string instruction.
    fn index(&self, register: Register, destination: bool, out: &mut String) {
        out.push_str(pointer_word(self.instruction.memory_size()));
        if destination && self.bits != 64 {
            out.push_str("es:");
        }
        out.push('[');
        out.push_str(self.names.register(register));
        out.push(']');
    }

    /// Immediates that are sign-extended by the instruction are printed with a sign, all others without; `mov` and the
    /// bitwise operations never show one.
    fn immediate(&self, kind: OpKind, operand: u32, out: &mut String) {
        let instruction = self.instruction;
        let raw = instruction.immediate(operand);
        let (width, extended) = match kind {
            OpKind::Immediate8 | OpKind::Immediate8_2nd => (1, false),
            OpKind::Immediate8to16 => (2, true),
            OpKind::Immediate16 => (2, false),
            OpKind::Immediate8to32 => (4, true),
            OpKind::Immediate32 => (4, false),
            OpKind::Immediate8to64 | OpKind::Immediate32to64 => (8, true),
            _ => (8, false),
        };
        let masked = if width == 8 { raw } else { raw & ((1u64 << (8 * width)) - 1) };
        match instruction.mnemonic() {
            Mnemonic::Mov | Mnemonic::And | Mnemonic::Or | Mnemonic::Xor => unsigned(masked, out),
            Mnemonic::Enter if operand == 0 => signed(i64::from(raw as u16 as i16), out),
            Mnemonic::Enter | Mnemonic::Xabort => signed(i64::from(raw as u8 as i8), out),
            Mnemonic::Test if instruction.code() == Code::Test_rm8_imm8_F6r1 => {
                signed(i64::from(raw as u8 as i8), out);
            }
            Mnemonic::Retf if instruction.code() == Code::Retfq_imm16 => {
                signed(i64::from(raw as u16 as i16), out);
            }
            _ if extended => signed(raw as i64, out),
            _ => unsigned(masked, out),
        }
    }

    /// Registers that capstone names although the encoding does not.
    fn implicit_tail(&self, out: &mut String) {
        match self.instruction.mnemonic() {
            Mnemonic::Sha256rnds2 | Mnemonic::Blendvpd | Mnemonic::Blendvps | Mnemonic::Pblendvb => {
                out.push_str(", xmm0");
            }
            Mnemonic::Fstpnce => out.push_str(", st(0)"),
            _ => {}
        }
    }
}

/// The 16-bit register of the same number.
fn narrow(register: Register) -> Register {
    if !register.is_gpr32() && !register.is_gpr64() {
        return register;
    }
    Register::AX + register.number() as u32
}

/// x87 forms whose first operand `st(0)` is not shown.
fn is_short_float(code: Code) -> bool {
    matches!(
        code,
        Code::Fadd_st0_sti
            | Code::Fmul_st0_sti
            | Code::Fcom_st0_sti
            | Code::Fcomp_st0_sti
            | Code::Fsub_st0_sti
            | Code::Fsubr_st0_sti
            | Code::Fdiv_st0_sti
            | Code::Fdivr_st0_sti
            | Code::Fxch_st0_sti
            | Code::Fcomi_st0_sti
            | Code::Fcomip_st0_sti
            | Code::Fucomi_st0_sti
            | Code::Fucomip_st0_sti
            | Code::Fucom_st0_sti
            | Code::Fucomp_st0_sti
    )
}

/// x87 forms whose last operand `st(0)` is not shown.
fn is_pop_float(code: Code) -> bool {
    matches!(
        code,
        Code::Faddp_sti_st0
            | Code::Fmulp_sti_st0
            | Code::Fsubp_sti_st0
            | Code::Fsubrp_sti_st0
            | Code::Fdivp_sti_st0
            | Code::Fdivrp_sti_st0
    )
}

fn is_rotate_by_one(code: Code) -> bool {
    matches!(code, Code::Rcl_rm8_1 | Code::Rcl_rm16_1 | Code::Rcl_rm32_1 | Code::Rcl_rm64_1)
}
