//! Groups of AArch64 mnemonics by their text.

use super::table::{Kind, TABLES, Tables};
use crate::python_text::{fold_case, is_word};

/// The group of a mnemonic (its last word) with its operands.
pub(super) fn group(mnemonic: &str, operands: &str) -> u8 {
    let tables = &*TABLES;
    if mnemonic == "error" {
        return b'U';
    }
    if has_vector_layout(operands) {
        return b'V';
    }
    match tables.kinds.get(mnemonic) {
        Some(Kind::Group(letter)) => *letter,
        Some(Kind::Arithmetic) => scalar_or(operands, b'A'),
        None => match by_prefix(mnemonic, &tables.prefixes) {
            Some(letter) => letter,
            None => scalar_or(operands, fallback(mnemonic, tables)),
        },
    }
}

/// The letter of the first beginning in a list that a mnemonic has.
pub(super) fn by_prefix(mnemonic: &str, prefixes: &[(&str, u8)]) -> Option<u8> {
    prefixes.iter().find(|(prefix, _)| mnemonic.starts_with(prefix)).map(|(_, letter)| *letter)
}

fn fallback(mnemonic: &str, tables: &Tables) -> u8 {
    by_prefix(mnemonic, &tables.fallbacks).unwrap_or(b'U')
}

fn scalar_or(operands: &str, otherwise: u8) -> u8 {
    if has_scalar_simd_register(operands) { b'V' } else { otherwise }
}

/// Whether the text holds a vector register with its layout, such as `v0.16b`, anywhere and in any case.
pub(super) fn has_vector_layout(operands: &str) -> bool {
    operands.match_indices(['v', 'V']).any(|(at, _)| {
        let number = &operands[at + 1..];
        let layout = number.trim_start_matches(|c: char| c.is_ascii_digit());
        layout.len() < number.len()
            && layout.strip_prefix('.').is_some_and(|layout| {
                let unit = layout.trim_start_matches(|c: char| c.is_ascii_digit());
                unit.chars().next().is_some_and(|unit| matches!(fold_case(unit), 'b' | 'h' | 's' | 'd'))
            })
    })
}

/// Whether the text holds a scalar SIMD register (`b`, `h`, `s`, `d` or `q` and a number) as a whole word, in any case.
pub(super) fn has_scalar_simd_register(operands: &str) -> bool {
    let mut in_word = false;
    let mut rest = operands.chars();
    while let Some(c) = rest.next() {
        if !in_word && matches!(fold_case(c), 'b' | 'h' | 's' | 'd' | 'q') {
            let behind = rest.as_str().trim_start_matches(|c: char| c.is_ascii_digit());
            if behind.len() < rest.as_str().len() && !behind.chars().next().is_some_and(is_word) {
                return true;
            }
        }
        in_word = is_word(c);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_follow_mnemonic_and_operands() {
        for (mnemonic, operands, expected) in [
            ("add", "x0, x1, x2", b'A'),
            ("add", "d0, d1, d2", b'V'),
            ("add", "v0.2d, v1.2d, v2.2d", b'V'),
            ("smull", "d0", b'A'),
            ("error", "v0.2d", b'U'),
            ("b.eq", "#0x10", b'C'),
            ("bc.q", "", b'C'),
            ("ld1", "x", b'V'),
            ("ldr", "d0, [x0]", b'M'),
            ("stp", "", b'M'),
            ("ldxyz", "", b'M'),
            ("faddp", "", b'F'),
            ("tbxyz", "", b'C'),
            ("tbxyz", "q31", b'V'),
            ("nope", "", b'N'),
            ("pacga", "", b'S'),
            ("sqxtn", "w1", b'U'),
            ("", "", b'U'),
        ] {
            assert_eq!(group(mnemonic, operands) as char, expected as char, "{mnemonic} {operands}");
        }
    }

    #[test]
    fn register_searches_respect_words_and_case() {
        assert!(has_scalar_simd_register("x0,D12") && has_scalar_simd_register("[\u{17f}3]"));
        assert!(
            !has_scalar_simd_register("xd1")
                && !has_scalar_simd_register("d1x")
                && !has_scalar_simd_register("d")
        );
        assert!(!has_scalar_simd_register("éd1") && has_scalar_simd_register("\u{301}d1"));
        assert!(!has_scalar_simd_register("d1\u{661}"));
        assert!(has_vector_layout("xV1.\u{17f}") && has_vector_layout("vv7.16b[0]"));
        assert!(!has_vector_layout("v.b") && !has_vector_layout("v1.16q") && !has_vector_layout("v1"));
    }
}
