//! `data/aarch64_escaper.txt`, read once.

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::escaper::data_rows::{hex_suffix, letter_suffix, rows};

/// How a mnemonic decides its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// By itself.
    Group(u8),
    /// `A`, unless the operands hold a scalar SIMD register.
    Arithmetic,
}

/// Operand classes that the decoder reports for a shape of operand text.
pub(super) struct OperandRow {
    /// Class letters, one an operand.
    pub(super) classes: &'static str,
    /// The mnemonics it holds for; none means all.
    pub(super) mnemonics: Vec<&'static str>,
}

#[derive(Default)]
pub(super) struct Tables {
    pub(super) kinds: FxHashMap<&'static str, Kind>,
    /// Beginnings of mnemonics and their group, in order of precedence.
    pub(super) prefixes: Vec<(&'static str, u8)>,
    /// The same for mnemonics that nothing else knows.
    pub(super) fallbacks: Vec<(&'static str, u8)>,
    /// Digits to keep in the binary escape, by mnemonic.
    pub(super) keep: FxHashMap<&'static str, u8>,
    pub(super) keep_prefixes: Vec<(&'static str, u8)>,
    pub(super) calls: Vec<&'static str>,
    /// Mnemonics of the decoder's vector group when they work on scalar SIMD registers.
    pub(super) neon: FxHashSet<&'static str>,
    /// By shape of the operands; the row for all mnemonics, if any, comes last.
    pub(super) operands: FxHashMap<&'static str, Vec<OperandRow>>,
}

pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables::default();
    for (key, mut words) in rows(include_str!("../../../../../data/aarch64_escaper.txt")) {
        let letter = letter_suffix(key).unwrap_or_default();
        match key.split(':').next().unwrap_or_default() {
            "group" => tables.kinds.extend(words.map(|word| (word, Kind::Group(letter)))),
            "arithmetic" => tables.kinds.extend(words.map(|word| (word, Kind::Arithmetic))),
            "prefix" => tables.prefixes.extend(words.map(|word| (word, letter))),
            "fallback" => tables.fallbacks.extend(words.map(|word| (word, letter))),
            "keep" => tables.keep.extend(words.zip(std::iter::repeat(hex_suffix(key).unwrap_or(0xff)))),
            "keep-prefix" => {
                tables.keep_prefixes.extend(words.zip(std::iter::repeat(hex_suffix(key).unwrap_or(0xff))));
            }
            "call" => tables.calls.extend(words),
            "decoder" if key == "decoder:neon" => tables.neon.extend(words),
            "decoder" => {
                if let (Some(shape), Some(classes)) = (words.next(), words.next()) {
                    let row = OperandRow { classes: or_empty(classes), mnemonics: words.collect() };
                    tables.operands.entry(or_empty(shape)).or_default().push(row);
                }
            }
            _ => {}
        }
    }
    // A mnemonic's row may be broken over lines: rows of one shape are looked through in turn, the general one last.
    for rows in tables.operands.values_mut() {
        rows.sort_by_key(|row| row.mnemonics.is_empty());
    }
    tables
});

/// A word of the table in which `-` stands for no text.
fn or_empty(word: &'static str) -> &'static str {
    if word == "-" { "" } else { word }
}
