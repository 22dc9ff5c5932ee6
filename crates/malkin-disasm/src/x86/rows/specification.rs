//! What the operands of a form are: where each comes from and what it is.
//!
//! The words of `data/x86_rows.txt` are capstone's names of them, `ENCODING.TYPE`.

/// Where an operand comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    None,
    Reg,
    /// ModRM.rm; an 8-bit displacement is shifted left by this much.
    Rm(u8),
    /// Memory with a vector index; as `Rm`.
    Vsib(u8),
    Vvvv,
    Mask,
    /// An immediate of this many bytes.
    Immediate(u8),
    /// An immediate of operand size, of address size.
    ImmediateOperand,
    ImmediateAddress,
    Rounding,
    /// A register of this many bytes in the opcode; 0 means operand size.
    Opcode(u8),
    Float,
    /// The operand at this place once more.
    Same(u8),
    Source,
    Destination,
}

/// What an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    None,
    Relative,
    R8,
    R16,
    R32,
    R64,
    /// A general register of operand size.
    Rv,
    Immediate,
    /// A condition of 8 or 32 names, and the one of AVX-512 integers.
    Condition8,
    Condition32,
    ConditionInteger,
    Unsigned,
    Memory,
    /// Memory indexed by a vector of this class.
    Vector(Bank),
    Offset,
    Stack,
    Bank(Bank),
}

/// Register files other than the general one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bank {
    Mm,
    Xmm,
    Ymm,
    Zmm,
    Mask,
    Segment,
    Debug,
    Control,
    Bound,
}

/// Most operands a form has.
pub(super) const OPERANDS: usize = 6;
pub(super) type Operands = [(Encoding, Kind); OPERANDS];

/// Reads a line of the section `operands`. Words that are not known are no operand.
pub(super) fn read(line: &str) -> Operands {
    let mut operands = [(Encoding::None, Kind::None); OPERANDS];
    for (operand, word) in operands.iter_mut().zip(line.split(' ')) {
        let Some((encoding, kind)) = word.split_once('.') else { continue };
        *operand = (encoding_of(encoding, kind), kind_of(kind));
    }
    operands
}

fn encoding_of(word: &str, kind: &str) -> Encoding {
    let scale = |rest: &str| match rest.strip_prefix("_CD").and_then(|bytes| bytes.parse::<u32>().ok()) {
        Some(bytes) => bytes.trailing_zeros() as u8,
        None => 0,
    };
    match word {
        "REG" => Encoding::Reg,
        "VVVV" => Encoding::Vvvv,
        "WRITEMASK" => Encoding::Mask,
        "IB" => Encoding::Immediate(1),
        "IW" => Encoding::Immediate(2),
        "ID" => Encoding::Immediate(4),
        "IO" => Encoding::Immediate(8),
        "Iv" => Encoding::ImmediateOperand,
        "Ia" => Encoding::ImmediateAddress,
        "IRC" => Encoding::Rounding,
        "RB" => Encoding::Opcode(1),
        "RW" => Encoding::Opcode(2),
        "RD" => Encoding::Opcode(4),
        "RO" => Encoding::Opcode(8),
        "Rv" => Encoding::Opcode(0),
        "FP" => Encoding::Float,
        "DUP" => Encoding::Same(kind.bytes().last().map_or(0, |digit| digit.wrapping_sub(b'0'))),
        "SI" => Encoding::Source,
        "DI" => Encoding::Destination,
        _ => match (word.strip_prefix("RM"), word.strip_prefix("VSIB")) {
            (Some(rest), _) => Encoding::Rm(scale(rest)),
            (_, Some(rest)) => Encoding::Vsib(scale(rest)),
            _ => Encoding::None,
        },
    }
}

fn kind_of(word: &str) -> Kind {
    match word {
        "REL" => Kind::Relative,
        "R8" => Kind::R8,
        "R16" => Kind::R16,
        "R32" => Kind::R32,
        "R64" => Kind::R64,
        "Rv" => Kind::Rv,
        "IMM" => Kind::Immediate,
        "IMM3" => Kind::Condition8,
        "IMM5" => Kind::Condition32,
        "AVX512ICC" => Kind::ConditionInteger,
        "UIMM8" => Kind::Unsigned,
        "M" => Kind::Memory,
        "MVSIBX" => Kind::Vector(Bank::Xmm),
        "MVSIBY" => Kind::Vector(Bank::Ymm),
        "MVSIBZ" => Kind::Vector(Bank::Zmm),
        "MOFFS" => Kind::Offset,
        "ST" => Kind::Stack,
        "MM64" => Kind::Bank(Bank::Mm),
        "XMM" => Kind::Bank(Bank::Xmm),
        "YMM" => Kind::Bank(Bank::Ymm),
        "ZMM" => Kind::Bank(Bank::Zmm),
        "VK" => Kind::Bank(Bank::Mask),
        "SEGMENTREG" => Kind::Bank(Bank::Segment),
        "DEBUGREG" => Kind::Bank(Bank::Debug),
        "CONTROLREG" => Kind::Bank(Bank::Control),
        "BNDR" => Kind::Bank(Bank::Bound),
        _ => Kind::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_encodings_and_kinds() {
        let [first, second, third, ..] = read("DUP.DUP1 RM_CD16.YMM VSIB_CD4.MVSIBX");
        assert_eq!(first.0, Encoding::Same(1));
        assert_eq!(second, (Encoding::Rm(4), Kind::Bank(Bank::Ymm)));
        assert_eq!(third, (Encoding::Vsib(2), Kind::Vector(Bank::Xmm)));
        assert_eq!(read("-")[0], (Encoding::None, Kind::None));
    }
}
