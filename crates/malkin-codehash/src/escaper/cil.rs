//! The CIL escaper: operand text by the first characters of each piece, metadata tokens and branch distances by the opcode.
//!
//! The table knows every mnemonic; nothing here decodes opcodes. Quoted strings are split at their commas like any other
//! operand text, because the reference does so. SMDA reference: `CilInstructionEscaper`.

use std::sync::LazyLock;

use malkin_report::Instruction;
use rustc_hash::FxHashMap;

use super::data_rows::{letter_suffix, rows};
use super::{BinaryContext, last_word};
use crate::python_text::{parse_int, split_at_char, strip};

/// What the bytes behind the opcode of an instruction are, as far as they depend on the position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OperandBytes {
    /// A metadata token: row number and, in its last byte, table.
    Token,
    /// A code offset, or the offsets of a switch.
    Branch,
}

#[derive(Default)]
struct Tables {
    groups: FxHashMap<&'static str, u8>,
    operands: FxHashMap<&'static str, OperandBytes>,
    calls: Vec<&'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables::default();
    for (key, words) in rows(include_str!("../../../../data/cil_escaper.txt")) {
        match key {
            "operand:token" => tables.operands.extend(words.map(|word| (word, OperandBytes::Token))),
            "operand:branch" => tables.operands.extend(words.map(|word| (word, OperandBytes::Branch))),
            "call" => tables.calls.extend(words),
            _ => {
                if let Some(letter) = letter_suffix(key) {
                    tables.groups.extend(words.map(|word| (word, letter)));
                }
            }
        }
    }
    tables
});

pub(super) fn group(instruction: &Instruction<'_>) -> u8 {
    TABLES.groups.get(last_word(instruction.mnemonic)).copied().unwrap_or(b'U')
}

pub(super) fn escape_operands(instruction: &Instruction<'_>, out: &mut String) {
    for (at, piece) in instruction.operands.split(',').enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(escape_piece(strip(piece)));
    }
}

fn escape_piece(piece: &str) -> &str {
    if piece.is_empty() {
        ""
    } else if piece.contains(':') || parse_int(piece, 16).is_some() {
        // Base 16 accepts all that base 10 does, so one attempt answers for both.
        "CONST"
    } else if piece.starts_with(['-', '0']) {
        piece
    } else {
        "PTR"
    }
}

pub(super) fn group_with_report(instruction: &Instruction<'_>, _thumb: bool) -> u8 {
    group(instruction)
}

pub(super) fn escape_operands_with_report(instruction: &Instruction<'_>, _thumb: bool, out: &mut String) {
    escape_operands(instruction, out);
}

pub(super) fn is_call_with_report(instruction: &Instruction<'_>) -> bool {
    TABLES.calls.contains(&last_word(instruction.mnemonic))
}

pub(super) fn escape_binary(instruction: &Instruction<'_>, context: &BinaryContext, out: &mut Vec<u8>) {
    let bytes = instruction.bytes;
    let opcode_digits = if bytes.starts_with("fe") { 4 } else { 2 };
    match TABLES.operands.get(instruction.mnemonic) {
        Some(OperandBytes::Token) if bytes.chars().count() >= opcode_digits + 8 => {
            let (opcode, operand) = split_at_char(bytes, opcode_digits);
            let wildcards = operand.chars().count() - 2;
            let (_, table) = split_at_char(operand, wildcards);
            push_wildcarded(opcode, wildcards, out);
            out.extend_from_slice(table.as_bytes());
        }
        Some(OperandBytes::Branch) if context.intra => {
            let (opcode, operand) = split_at_char(bytes, opcode_digits);
            push_wildcarded(opcode, operand.chars().count(), out);
        }
        _ => out.extend_from_slice(bytes.as_bytes()),
    }
}

fn push_wildcarded(kept: &str, wildcards: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(kept.as_bytes());
    out.resize(out.len() + wildcards, b'?');
}

#[cfg(test)]
mod tests {
    use malkin_report::Va;

    use super::*;

    fn binary(bytes: &str, mnemonic: &str, intra: bool) -> String {
        let instruction = Instruction { offset: Va::new(0), bytes, mnemonic, operands: "" };
        let context = BinaryContext { image: None, bitness: 0, intra, decoder: true, thumb: false };
        let mut out = Vec::new();
        escape_binary(&instruction, &context, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_is_complete() {
        assert_eq!(TABLES.groups.len(), 229);
        assert_eq!(TABLES.operands.len(), 61);
        assert_eq!(TABLES.calls, ["call", "calli", "callvirt"]);
    }

    #[test]
    fn pieces_follow_the_first_characters() {
        for (piece, expected) in [
            ("method.06000004", "PTR"),
            ("abc", "CONST"),
            ("face_d", "CONST"),
            ("0x6b", "CONST"),
            ("-1.5", "-1.5"),
            ("0.5", "0.5"),
            ("1.5", "PTR"),
            ("0x6b:0x70", "CONST"),
            ("\u{661}\u{662}", "CONST"),
            ("", ""),
        ] {
            assert_eq!(escape_piece(piece), expected, "{piece:?}");
        }
    }

    #[test]
    fn short_and_odd_bytes_stay_whole() {
        assert_eq!(binary("2804000006", "call", false), "28??????06");
        assert_eq!(binary("28040006", "call", true), "28040006");
        assert_eq!(binary("fe0604000006", "ldftn", true), "fe06??????06");
        assert_eq!(binary("fe", "br", true), "fe");
        assert_eq!(binary("fe1", "br", true), "fe1");
        assert_eq!(binary("3éé", "br", true), "3é?");
        assert_eq!(binary("2b05", "br.s", false), "2b05");
    }
}
