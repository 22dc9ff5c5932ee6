//! Intel x86 and x64: decoding as capstone 5 sees it, and its text.

pub mod decode;
mod rows;
pub mod text;

pub use decode::{Decoder, Stream};
pub use text::TextWriter;

use iced_x86::{Code, Instruction, OpKind};

/// Target of a relative branch.
pub fn branch_target(instruction: &Instruction) -> u64 {
    instruction.near_branch_target()
}

/// Whether capstone calls this `lcall` or `ljmp`: every far branch except the 16:32 form through memory.
pub fn is_far_branch(instruction: &Instruction) -> bool {
    matches!(instruction.op0_kind(), OpKind::FarBranch16 | OpKind::FarBranch32)
        || matches!(
            instruction.code(),
            Code::Call_m1616 | Code::Call_m1664 | Code::Jmp_m1616 | Code::Jmp_m1664
        )
}
