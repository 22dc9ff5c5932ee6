//! The Dalvik escaper: operand text by the first characters of each piece, bytes by the format of the opcode.
//!
//! A register list in braces is kept together only at the start of the operands; commas inside string literals split, as
//! they do in the reference. SMDA reference: `DalvikInstructionEscaper`.

use std::sync::LazyLock;

use malkin_report::Instruction;
use rustc_hash::FxHashMap;

use super::data_rows::{letter_suffix, rows};
use super::{BinaryContext, last_word};
use crate::python_text::{is_digit, parse_int, split_at_char, strip};

struct Tables {
    groups: FxHashMap<&'static str, u8>,
    /// By opcode: bit n set means that byte n of the instruction is wildcarded. `None` for an unused opcode.
    masks: [Option<u16>; 256],
    /// Beginnings of operands that refer to a pool, a type or a string.
    pointers: Vec<&'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables { groups: FxHashMap::default(), masks: [None; 256], pointers: Vec::new() };
    let mut format_masks = FxHashMap::default();
    for (key, words) in rows(include_str!("../../../../data/dalvik_escaper.txt")) {
        if let Some(format) = key.strip_prefix("mask:") {
            let positions = words.filter_map(|word| word.parse::<u32>().ok());
            format_masks.insert(format, positions.fold(0u16, |mask, byte| mask | 1 << byte));
        } else if let Some(format) = key.strip_prefix("format:") {
            let mask = format_masks.get(format).copied();
            for opcode in words.filter_map(|word| u8::from_str_radix(word, 16).ok()) {
                tables.masks[usize::from(opcode)] = mask;
            }
        } else if key == "pointer" {
            tables.pointers.extend(words);
        } else if let Some(letter) = letter_suffix(key) {
            tables.groups.extend(words.map(|word| (word, letter)));
        }
    }
    tables
});

pub(super) fn group(instruction: &Instruction<'_>) -> u8 {
    TABLES.groups.get(last_word(instruction.mnemonic)).copied().unwrap_or(b'U')
}

pub(super) fn escape_operands(instruction: &Instruction<'_>, out: &mut String) {
    let stripped = strip(instruction.operands);
    if let Some(end) = stripped.strip_prefix('{').and_then(|rest| rest.find('}')) {
        let (list, rest) = stripped.split_at(end + 2);
        escape_field(list, out);
        let rest = rest.trim_start_matches([',', ' ']);
        if !rest.is_empty() {
            out.push_str(", ");
            escape_fields(rest, out);
        }
    } else {
        escape_fields(instruction.operands, out);
    }
}

fn escape_fields(fields: &str, out: &mut String) {
    for (at, field) in fields.split(',').enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        escape_field(strip(field), out);
    }
}

/// Escapes a field, or each piece of a register list.
fn escape_field(field: &str, out: &mut String) {
    let Some(list) = field.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        out.push_str(escape_piece(field));
        return;
    };
    out.push('{');
    if !strip(list).is_empty() {
        for (at, piece) in strip(list).split(',').enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            out.push_str(escape_piece(strip(piece)));
        }
    }
    out.push('}');
}

fn escape_piece(piece: &str) -> &str {
    let bare = strip(piece.trim_matches(['{', '}']));
    if bare.strip_prefix('v').is_some_and(|number| !number.is_empty() && number.chars().all(is_digit)) {
        "REG"
    } else if bare.starts_with(['#', '+', '-']) || bare.starts_with(is_digit) {
        "CONST"
    } else if bare.contains("->") || TABLES.pointers.iter().any(|start| bare.starts_with(start)) {
        "PTR"
    } else {
        piece
    }
}

pub(super) fn group_with_report(instruction: &Instruction<'_>, _thumb: bool) -> u8 {
    group(instruction)
}

pub(super) fn escape_operands_with_report(instruction: &Instruction<'_>, _thumb: bool, out: &mut String) {
    escape_operands(instruction, out);
}

pub(super) fn is_call_with_report(instruction: &Instruction<'_>) -> bool {
    instruction.mnemonic.starts_with("invoke-")
}

pub(super) fn escape_binary(instruction: &Instruction<'_>, _context: &BinaryContext, out: &mut Vec<u8>) {
    let bytes = instruction.bytes;
    let digits = bytes.chars().count();
    let (opcode, _) = split_at_char(bytes, 2);
    let mask = if digits < 2 { None } else { parse_int(opcode, 16).and_then(opcode_mask) };
    let Some(mask) = mask else {
        // No known opcode: only its byte is kept.
        out.extend_from_slice(opcode.as_bytes());
        out.resize(out.len() + digits.saturating_sub(2), b'?');
        return;
    };
    for (at, digit) in bytes.chars().enumerate() {
        let byte = at / 2;
        if byte < 16 && mask >> byte & 1 == 1 && byte * 2 + 2 <= digits {
            out.push(b'?');
        } else {
            out.extend_from_slice(digit.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

fn opcode_mask(opcode: i64) -> Option<u16> {
    TABLES.masks.get(usize::try_from(opcode).ok()?).copied().flatten()
}

#[cfg(test)]
mod tests {
    use malkin_report::Va;

    use super::*;

    fn operands(operands: &str) -> String {
        let mut out = String::new();
        escape_operands(&Instruction { offset: Va::new(0), bytes: "", mnemonic: "", operands }, &mut out);
        out
    }

    fn binary(bytes: &str) -> String {
        let context = BinaryContext { image: None, bitness: 0, intra: true, decoder: true, thumb: false };
        let mut out = Vec::new();
        escape_binary(
            &Instruction { offset: Va::new(0), bytes, mnemonic: "", operands: "" },
            &context,
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_is_complete() {
        assert_eq!(TABLES.groups.len(), 224);
        assert_eq!(TABLES.masks.iter().flatten().count(), 224);
        assert_eq!(TABLES.pointers.len(), 12);
    }

    #[test]
    fn register_lists_stay_together_only_at_the_start() {
        for (text, expected) in [
            ("{v0, v1}, Lfoo;->m(I)V", "{REG, REG}, PTR"),
            (" {} , , {v0,}", "{}, REG, }"),
            ("{v0\n}", "{REG}"),
            ("v0, {v1, v2}", "REG, REG, REG"),
            ("v0, \"a, b\"", "REG, PTR, b\""),
            ("v0, \"}\"", "REG, PTR"),
            ("{", "{"),
            ("v\u{b2}, \u{661}x", "REG, CONST"),
            ("", ""),
            (",", ", "),
        ] {
            assert_eq!(operands(text), expected, "{text:?}");
        }
    }

    #[test]
    fn bytes_follow_the_format_of_the_opcode() {
        assert_eq!(binary("6e2004001000"), "6e20????1000");
        assert_eq!(binary("1a0005"), "1a00??");
        assert_eq!(binary("1a00050"), "1a00??0");
        assert_eq!(binary("73001122"), "73??????");
        assert_eq!(binary("zz"), "zz");
        assert_eq!(binary("+1é"), "+1é");
        assert_eq!(binary("1"), "1");
    }
}
