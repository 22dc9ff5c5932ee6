//! Intel x86 and x64: decoding as capstone 5 sees it, and its text.

pub mod decode;
pub mod text;

pub use decode::{Decoder, Stream};
pub use text::TextWriter;

use iced_x86::{Code, Instruction, OpKind};

/// Target of a relative branch. A 16-bit displacement does not cut the address to 16 bits, because capstone does not cut
/// it; that of a near `jmp` or `jcc` is not even sign-extended.
pub fn branch_target(instruction: &Instruction) -> u64 {
    if instruction.op0_kind() != OpKind::NearBranch16 {
        return instruction.near_branch_target();
    }
    let next = instruction.next_ip();
    let distance = instruction.near_branch16().wrapping_sub(next as u16);
    let distance = if instruction.is_jcc_near() || instruction.is_jmp_near() {
        i64::from(distance)
    } else {
        i64::from(distance as i16)
    };
    next.wrapping_add_signed(distance) & 0xffff_ffff
}

/// Whether capstone calls this `lcall` or `ljmp`: every far branch except the 16:32 form through memory.
pub fn is_far_branch(instruction: &Instruction) -> bool {
    matches!(instruction.op0_kind(), OpKind::FarBranch16 | OpKind::FarBranch32)
        || matches!(
            instruction.code(),
            Code::Call_m1616 | Code::Call_m1664 | Code::Jmp_m1616 | Code::Jmp_m1664
        )
}
