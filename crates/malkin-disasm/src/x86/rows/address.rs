//! What the operand of ModRM.rm is: a register, or memory by its parts. `modrm` reads it.
//!
//! Specification: Intel SDM, volume 2A, section 2.1.5 (tables 2-1 to 2-3).

/// What ModRM.rm and the bytes after it name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Base {
    /// Nothing, or the instruction pointer in 64-bit code.
    #[default]
    None,
    /// A register operand of this number, no memory.
    Register(u8),
    /// A pair of 16-bit registers, by ModRM.rm from 0 to 3.
    Pair(u8),
    /// A general register of 16 bits that is no pair, by its number.
    Narrow(u8),
    /// A general register of address size.
    General(u8),
    Sib {
        base: Option<u8>,
        index: Option<u8>,
        scale: u8,
    },
}

/// The operand of ModRM.rm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Address {
    pub(super) base: Base,
    /// Bytes of the displacement.
    pub(super) displacement_bytes: u8,
    pub(super) displacement: i64,
    /// Number in ModRM.reg, extended.
    pub(super) reg: u8,
}
