//! What kind of instruction this is, as far as the recovery cares. Kinds follow capstone's mnemonics, not the processor.

use iced_x86::{Instruction, Mnemonic, OpKind};

use super::is_far_branch;
use crate::flow;

/// Kind of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InstructionKind {
    /// `call`.
    Call,
    /// `lcall`.
    FarCall,
    /// `jmp`.
    Jump,
    /// `ljmp`.
    FarJump,
    /// `jcc`, `jcxz` and its kin.
    Conditional,
    /// `loop`, `loope`, `loopne`.
    Loop,
    /// `ret`.
    Return,
    /// `retf`, `retfq`, `iret` and its kin.
    OtherReturn,
    /// `int3`.
    Breakpoint,
    /// `hlt`.
    Halt,
    /// `ud2`.
    Undefined,
    /// Ends a block but not the decoding: `ud0`, `ud1`, `sysret`, `sysexit`.
    Ends,
    /// `syscall`.
    Syscall,
    /// `int 0x80`.
    Int80,
    /// `endbr64`.
    Endbr64,
    /// `nop` of any length.
    Nop,
    /// `push`.
    Push,
    /// `leave`.
    Leave,
    /// Everything else.
    Other,
}

impl InstructionKind {
    /// The kind of a decoded instruction.
    pub(crate) fn of(instruction: &Instruction) -> Self {
        use Mnemonic as M;
        match instruction.mnemonic() {
            M::Call if is_far_branch(instruction) => Self::FarCall,
            M::Call => Self::Call,
            M::Jmp if is_far_branch(instruction) => Self::FarJump,
            M::Jmp => Self::Jump,
            _ if instruction.is_jcc_short_or_near() || instruction.is_jcx_short() => Self::Conditional,
            M::Loop | M::Loope | M::Loopne => Self::Loop,
            M::Ret => Self::Return,
            M::Retf | M::Iret | M::Iretd | M::Iretq => Self::OtherReturn,
            M::Int3 => Self::Breakpoint,
            M::Hlt => Self::Halt,
            M::Ud2 => Self::Undefined,
            M::Ud0 | M::Ud1 | M::Sysret | M::Sysexit => Self::Ends,
            M::Syscall => Self::Syscall,
            M::Int if instruction.op0_kind() == OpKind::Immediate8 && instruction.immediate8() == 0x80 => {
                Self::Int80
            }
            M::Endbr64 => Self::Endbr64,
            M::Nop | M::Reservednop | M::Prefetchit0 | M::Prefetchit1 => Self::Nop,
            M::Push => Self::Push,
            M::Leave => Self::Leave,
            _ => Self::Other,
        }
    }
}

impl flow::InstructionKind for InstructionKind {
    /// `call` and `lcall`.
    fn is_call(self) -> bool {
        matches!(self, Self::Call | Self::FarCall)
    }

    fn ends_block(self) -> bool {
        matches!(
            self,
            Self::Return | Self::OtherReturn | Self::Breakpoint | Self::Halt | Self::Undefined | Self::Ends
        )
    }

    fn ends_run(self) -> bool {
        matches!(self, Self::Return | Self::Jump | Self::FarJump | Self::Halt | Self::Undefined)
    }
}
