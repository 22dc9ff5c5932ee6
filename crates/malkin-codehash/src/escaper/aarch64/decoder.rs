//! What the reference's decoder says about an instruction, read off the text that decoder prints.
//!
//! Capstone 5.0.7 attaches operand classes and instruction groups to its decodes. Over all 2^32 words both are a function of
//! mnemonic and operand text, and of little of that: the kind of each operand ([`letter`]), with exceptions by mnemonic. The
//! exceptions, among them operands that capstone forgets or counts twice, stand in the table. This is not a decoder: text
//! that capstone never prints gets the classes its kinds suggest.

use super::mnemonic::{by_prefix, has_vector_layout};
use super::table::{Kind, TABLES};
use crate::escaper::fields::fields;
use crate::python_text::strip;

/// The group of an instruction the decoder accepted.
pub(super) fn group(mnemonic: &str, operands: &str) -> u8 {
    let tables = &*TABLES;
    if has_vector_layout(operands) {
        return b'V';
    }
    if let Some(Kind::Group(letter @ (b'A' | b'C' | b'N' | b'P'))) = tables.kinds.get(mnemonic) {
        return *letter;
    }
    match by_prefix(mnemonic, &tables.prefixes) {
        Some(letter @ (b'C' | b'F')) => letter,
        _ if tables.neon.contains(mnemonic) && starts_with_scalar_simd_register(operands) => b'V',
        Some(letter) => letter,
        None => b'A',
    }
}

fn starts_with_scalar_simd_register(operands: &str) -> bool {
    operands
        .strip_prefix(['b', 'h', 's', 'd', 'q'])
        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// Appends the classes of the operands.
pub(super) fn escape(mnemonic: &str, operands: &str, out: &mut String) {
    let mut shape = Shape::default();
    for_each_letter(operands, |letter| shape.push(letter));
    let row = shape.text().and_then(|shape| TABLES.operands.get(shape)).and_then(|rows| {
        rows.iter().find(|row| row.mnemonics.is_empty() || row.mnemonics.contains(&mnemonic))
    });
    let mut first = true;
    let mut push = |class: &str| {
        if !first {
            out.push_str(", ");
        }
        first = false;
        out.push_str(class);
    };
    match row {
        Some(row) => row.classes.bytes().for_each(|class| push(class_text(class))),
        None => for_each_letter(operands, |letter| {
            if let Some(class) = default_class(letter) {
                push(class);
            }
        }),
    }
}

/// Letters of the operands of one instruction, as a key of the table.
#[derive(Default)]
struct Shape {
    letters: [u8; 16],
    len: usize,
}

impl Shape {
    fn push(&mut self, letter: u8) {
        if let Some(place) = self.letters.get_mut(self.len) {
            *place = letter;
        }
        self.len += 1;
    }

    /// `None` for more operands than any instruction has.
    fn text(&self) -> Option<&str> {
        self.letters.get(..self.len).and_then(|letters| std::str::from_utf8(letters).ok())
    }
}

fn class_text(class: u8) -> &'static str {
    match class {
        b'R' => "REG",
        b'K' => "CONST",
        b'P' => "PTR",
        b'C' => "COND",
        b'Y' => "SYSREG",
        b'O' => "SYSOP",
        b'H' => "HINT",
        b'B' => "BARRIER",
        _ => "MISC",
    }
}

/// The class of an operand of a kind that no row of the table speaks of; `None` for kinds that are part of another operand.
fn default_class(letter: u8) -> Option<&'static str> {
    match letter {
        b'r' | b'v' | b'w' | b'z' | b'p' | b'i' | b'a' | b't' | b'A' => Some("REG"),
        b'K' | b'F' => Some("CONST"),
        b'P' | b'Z' => Some("PTR"),
        b'g' => Some("SYSREG"),
        _ => None,
    }
}

/// Calls with the kind of each operand; a brace list gives one letter for each register in it.
fn for_each_letter(operands: &str, mut each: impl FnMut(u8)) {
    for field in fields(operands) {
        let field = strip(field);
        let Some(list) = field.strip_prefix('{') else {
            if !field.is_empty() {
                each(letter(field));
            }
            continue;
        };
        let list = list.split('}').next().unwrap_or_default();
        if list.contains('[') {
            each(b'A');
        } else {
            list.split(',').map(strip).filter(|item| !item.is_empty()).for_each(|item| each(letter(item)));
        }
    }
}

/// The kind of an operand that is not a brace list, not empty and stripped. The letters are explained in the table's head.
fn letter(field: &str) -> u8 {
    let bytes = field.as_bytes();
    match bytes[0] {
        b'#' if field.contains('.') => return b'F',
        b'#' => return b'K',
        b'[' => return if bytes.get(1) == Some(&b'z') { b'Z' } else { b'P' },
        b'0'..=b'9' => return if field.contains('.') { b'F' } else { b'k' },
        _ => {}
    }
    let is_name_byte = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    let len = bytes.iter().position(|byte| !is_name_byte(byte)).unwrap_or(bytes.len());
    let name = &field[..len];
    let register = if field.ends_with('!') { b'w' } else { b'r' };
    match name {
        "lsl" | "lsr" | "asr" | "ror" | "sxtw" | "uxtw" | "sxtb" | "uxtb" | "sxth" | "uxth" | "sxtx"
        | "uxtx" | "msl" => {
            return b's';
        }
        "mul" => return b'u',
        "eq" | "ne" | "cs" | "hs" | "cc" | "lo" | "mi" | "pl" | "vs" | "vc" | "hi" | "ls" | "ge" | "lt"
        | "gt" | "le" | "al" | "nv" => return b'c',
        "sp" | "wsp" | "xzr" | "wzr" => return register,
        _ => {}
    }
    if let Some(tile) = name.strip_prefix("za")
        && !tile.starts_with(|c: char| c.is_ascii_lowercase())
    {
        return match field {
            _ if field.contains('[') => b'A',
            _ if field.split_once('.').is_some_and(|(_, unit)| unit == "d") => b't',
            _ => b'a',
        };
    }
    let Some(first) = name.bytes().next() else { return b'n' };
    let number = &name[1..];
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        match first {
            b'w' | b'x' | b'b' | b'h' | b's' | b'd' | b'q' => return register,
            b'v' | b'z' => return first,
            b'p' => return if field.contains("[w") { b'i' } else { b'p' },
            _ => {}
        }
    }
    if first == b's' && number.starts_with(|c: char| c.is_ascii_digit()) && name.contains('_') {
        return b'g';
    }
    b'n'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_get_the_classes_the_decoder_reports() {
        for (mnemonic, operands, expected) in [
            ("mrs", "x0, tpidr_el0", "REG, SYSOP"),
            ("mrs", "x0, s3_0_c1_c2_3", "REG, SYSREG"),
            ("csel", "w0, w3, w2, eq", "REG, REG, REG, COND"),
            ("fcsel", "d0, d1, d2, eq", "REG, REG, REG"),
            ("prfm", "pldl1keep, [x0, #8]", "PTR"),
            ("dmb", "ish", "BARRIER"),
            ("cmeq", "d0, d1, #0", "REG, REG, CONST, CONST"),
            ("ld2", "{v0.b, v1.b}[3], [x0], #2", "REG, REG, PTR"),
            ("zero", "{za0.d, za1.d}", "REG, REG"),
            ("zero", "{za0.h}", ""),
            ("smstart", "", "SYSREG, CONST"),
            ("unheard", "x0, [x1, #8]!, lsl #3, #1.0, what, 5", "REG, PTR, CONST"),
            ("ldr", &"x0, ".repeat(17), &["REG"; 17].join(", ")),
        ] {
            let mut out = String::new();
            escape(mnemonic, operands, &mut out);
            assert_eq!(out, expected, "{mnemonic} {operands}");
        }
    }

    #[test]
    fn groups_follow_the_decoder() {
        for (mnemonic, operands, expected) in [
            ("add", "d0, d1, d2", b'V'),
            ("add", "z0.d, z1.d, z2.d", b'A'),
            ("add", "x0, x1, x2", b'A'),
            ("sqrdmlah", "s0, s1, s2", b'A'),
            ("ldr", "d0, [x0]", b'M'),
            ("dup", "z0.s, w1", b'A'),
            ("ld1", "{v0.b}[1], [x0]", b'V'),
            ("fmov", "s0, s1", b'F'),
            ("pacia", "x0, x1", b'S'),
            ("bti", "c", b'P'),
        ] {
            assert_eq!(group(mnemonic, operands) as char, expected as char, "{mnemonic} {operands}");
        }
    }
}
