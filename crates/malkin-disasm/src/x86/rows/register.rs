//! Register names as capstone spells them.

use super::specification::Bank;

/// A register, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Register {
    None,
    /// A general register: its width in bytes, its number. `ah` to `bh` are [`Register::High`].
    General(u8, u8),
    /// `ah`, `ch`, `dh`, `bh`.
    High(u8),
    Of(Bank, u8),
    Float(u8),
    /// `rip` and `eip`.
    Rip,
    Eip,
    /// An absent index: printed in 64-bit addresses, left out in 32-bit ones.
    Riz,
    Eiz,
}

const LOW: [&str; 8] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const BYTES: [&str; 8] = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];
const HIGH: [&str; 4] = ["ah", "ch", "dh", "bh"];
const SEGMENTS: [&str; 6] = ["es", "cs", "ss", "ds", "fs", "gs"];

impl Register {
    /// The segment register of an override byte.
    pub(super) fn of_override(byte: u8) -> Self {
        match byte {
            0x26 => Self::Of(Bank::Segment, 0),
            0x2e => Self::Of(Bank::Segment, 1),
            0x36 => Self::Of(Bank::Segment, 2),
            0x3e => Self::Of(Bank::Segment, 3),
            0x64 => Self::Of(Bank::Segment, 4),
            0x65 => Self::Of(Bank::Segment, 5),
            _ => Self::None,
        }
    }

    pub(super) fn write(self, out: &mut String) {
        match self {
            Self::None => {}
            Self::General(width, number) => general(width, number, out),
            Self::High(number) => out.push_str(HIGH[usize::from(number & 3)]),
            Self::Of(Bank::Segment, number) => out.push_str(SEGMENTS[usize::from(number) % SEGMENTS.len()]),
            Self::Of(bank, number) => {
                out.push_str(stem(bank));
                decimal(number, out);
            }
            Self::Float(number) => {
                out.push_str("st(");
                decimal(number, out);
                out.push(')');
            }
            Self::Rip => out.push_str("rip"),
            Self::Eip => out.push_str("eip"),
            Self::Riz => out.push_str("riz"),
            Self::Eiz => out.push_str("eiz"),
        }
    }
}

fn general(width: u8, number: u8, out: &mut String) {
    if number >= 8 {
        out.push('r');
        decimal(number, out);
        out.push_str(match width {
            1 => "b",
            2 => "w",
            4 => "d",
            _ => "",
        });
        return;
    }
    let at = usize::from(number);
    match width {
        1 => out.push_str(BYTES[at]),
        2 => out.push_str(LOW[at]),
        4 => {
            out.push('e');
            out.push_str(LOW[at]);
        }
        _ => {
            out.push('r');
            out.push_str(LOW[at]);
        }
    }
}

fn stem(bank: Bank) -> &'static str {
    match bank {
        Bank::Mm => "mm",
        Bank::Xmm => "xmm",
        Bank::Ymm => "ymm",
        Bank::Zmm => "zmm",
        Bank::Mask => "k",
        Bank::Segment => "",
        Bank::Debug => "dr",
        Bank::Control => "cr",
        Bank::Bound => "bnd",
    }
}

/// Appends a number below 100.
fn decimal(number: u8, out: &mut String) {
    if number >= 10 {
        out.push((b'0' + number / 10 % 10) as char);
    }
    out.push((b'0' + number % 10) as char);
}
