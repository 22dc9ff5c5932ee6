//! Text escape of operands: each comma-separated piece becomes the name of its class, or stays when it has none.

use malkin_report::Instruction;

use super::table::{LONGEST_REGISTER, Register, register};
use crate::python_text;

/// What an operand is escaped to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    General = 1,
    Segment,
    Vector,
    Control,
    Float,
    Mmx,
    Pointer,
    Constant,
    /// None of these: the text stays.
    Itself,
}

impl Class {
    /// The text in place of the operand.
    fn text(self, operand: &str) -> &str {
        match self {
            Self::General => "REG",
            Self::Segment => "SREG",
            Self::Vector => "XREG",
            Self::Control => "CREG",
            Self::Float => "FREG",
            Self::Mmx => "MMREG",
            Self::Pointer => "PTR",
            Self::Constant => "CONST",
            Self::Itself => operand,
        }
    }
}

/// Stripped pieces of an operand text, split at every comma; the split knows no brackets.
struct Pieces<'a>(Option<&'a str>);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0?;
        let (piece, rest) = match text.bytes().position(|byte| byte == b',') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        self.0 = rest;
        Some(strip(piece))
    }
}

/// Appends the classes of all operands, joined by `, `.
pub(in crate::escaper) fn escape_operands(instruction: &Instruction<'_>, out: &mut String) {
    for (at, piece) in Pieces(Some(instruction.operands)).enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(class(piece).text(piece));
    }
}

/// An escaped instruction as a number: group letter and classes. Only for texts that consist of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TextCode(u64);

impl TextCode {
    /// The number of an instruction, unless an operand stays as it is or there are more than 14.
    pub(in crate::escaper) fn of(instruction: &Instruction<'_>) -> Option<Self> {
        let group = u64::from(super::group(instruction));
        if instruction.operands.is_empty() {
            return Some(Self(group));
        }
        let mut code = 0;
        for piece in Pieces(Some(instruction.operands)) {
            let class = class(piece);
            if class == Class::Itself || code >> 52 != 0 {
                return None;
            }
            code = code << 4 | class as u64;
        }
        Some(Self(code << 8 | group))
    }

    /// Equal for equal texts, and only for these.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The letter of the group.
    pub(crate) fn group(self) -> u8 {
        self.0 as u8
    }
}

/// `str.strip`, quick for the usual cases: a bare piece, or one space in front.
fn strip(piece: &str) -> &str {
    match piece.as_bytes() {
        [b' ', first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => &piece[1..],
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => piece,
        _ => python_text::strip(piece),
    }
}

/// The class of one stripped operand. Numbers win over pointers, pointers over registers. An operand in none of the classes
/// stays (rounding modes, `error`), so does the empty one.
fn class(operand: &str) -> Class {
    // No listed register reads as a number or a pointer, so the exact names can be tried first.
    let named = if operand.len() <= LONGEST_REGISTER { register(operand) } else { None };
    match named {
        Some(Register::General) => return Class::General,
        Some(Register::Segment) => return Class::Segment,
        Some(Register::Vector) => return Class::Vector,
        Some(Register::Control) => return Class::Control,
        None => {}
    }
    let bytes = operand.as_bytes();
    if is_integer(operand) {
        return Class::Constant;
    }
    let is_pointer = is_pointer(bytes);
    // A far pointer has a colon and no bracket; what ends like a memory operand needs no search.
    let is_memory = is_pointer && bytes.last() == Some(&b']');
    if !is_memory && bytes.contains(&b':') && !bytes.contains(&b'[') {
        Class::Constant
    } else if is_pointer {
        Class::Pointer
    } else if is_wide_vector(operand) {
        Class::Vector
    } else if bytes.starts_with(b"st") {
        Class::Float
    } else if bytes.starts_with(b"mm") {
        Class::Mmx
    } else {
        Class::Itself
    }
}

/// Whether the text opens with one of the size words or a bracket.
fn is_pointer(bytes: &[u8]) -> bool {
    let sizes: &[&[u8]] = match bytes.first() {
        Some(b'[') => return true,
        Some(b'b') => &[b"byte ptr"],
        Some(b'd') => &[b"dword ptr"],
        Some(b'p') => &[b"ptr"],
        Some(b'q') => &[b"qword ptr"],
        Some(b't') => &[b"tbyte ptr"],
        Some(b'w') => &[b"word ptr"],
        Some(b'x') => &[b"xmmword ptr", b"xword ptr"],
        Some(b'y') => &[b"ymmword ptr"],
        Some(b'z') => &[b"zmmword ptr"],
        _ => &[],
    };
    sizes.iter().any(|size| bytes.starts_with(size))
}

/// Vector and mask registers by pattern, with any number of brace groups behind: `zmm0 {k1} {z}`.
fn is_wide_vector(operand: &str) -> bool {
    let number = ["xmm", "ymm", "zmm", "k"].iter().find_map(|name| operand.strip_prefix(name));
    let Some(number) = number else { return false };
    let mut rest = number.trim_start_matches(|digit: char| digit.is_ascii_digit());
    if rest.len() == number.len() {
        return false;
    }
    while !rest.is_empty() {
        let group = rest
            .trim_start_matches(python_text::is_space)
            .strip_prefix('{')
            .and_then(|group| group.split_once('}'));
        match group {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}

/// Whether Python reads the text as a decimal or hexadecimal integer. Every decimal integer is a hexadecimal one too.
fn is_integer(text: &str) -> bool {
    // Most operands are decided by their first byte; only ASCII digits, signs and other scripts can begin a number.
    let may_begin =
        |byte: &u8| byte.is_ascii_hexdigit() || !byte.is_ascii_graphic() || matches!(byte, b'+' | b'-');
    if !text.as_bytes().first().is_some_and(may_begin) {
        return false;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    match digits.strip_prefix("0x").unwrap_or(digits).as_bytes() {
        plain @ [_, ..] if plain.iter().all(u8::is_ascii_hexdigit) => true,
        // A letter in front of something else than digits is the common case: `dword ptr`, `byte ptr`.
        [b'a'..=b'f', second, ..]
            if second.is_ascii_graphic() && !second.is_ascii_hexdigit() && *second != b'_' =>
        {
            false
        }
        _ => python_text::parse_int(text, 16).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use malkin_report::Va;

    fn escaped(operands: &str) -> String {
        let mut out = String::new();
        escape_operands(&Instruction { offset: Va::new(0), bytes: "", mnemonic: "", operands }, &mut out);
        out
    }

    #[test]
    fn operand_classes() {
        for (operands, expected) in [
            ("", ""),
            ("eax, dword ptr [ebx + 0x10]", "REG, PTR"),
            ("eax,ebx", "REG, REG"),
            ("eax,", "REG, "),
            ("zmm3 {k1} {z}, ymm31, k2", "XREG, XREG, XREG"),
            ("xmm16x", "xmm16x"),
            ("k", "k"),
            ("st(0), st", "FREG, FREG"),
            ("mm1, stuff", "MMREG, FREG"),
            ("0x33:0x401000", "CONST"),
            ("dword ptr fs:[0x30]", "PTR"),
            ("fs:[0x30]", "fs:[0x30]"),
            ("dword ptr fs:x", "CONST"),
            ("-0x5, +7, 1_0, 0x_f, abc", "CONST, CONST, CONST, CONST, CONST"),
            ("_1, 1__0, 0x, --1, 0xg, 0b1", "_1, 1__0, 0x, --1, 0xg, CONST"),
            ("{rn-sae}, \u{1c}eax\u{a0}", "{rn-sae}, REG"),
            ("  ", ""),
        ] {
            assert_eq!(escaped(operands), expected, "{operands}");
        }
    }
}
