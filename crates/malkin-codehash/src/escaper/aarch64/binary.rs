//! Bytes of AArch64: in instructions with an immediate all hex digits are wildcarded that overlap it.

use malkin_report::Instruction;

use super::operands::has_immediate;
use super::table::TABLES;
use crate::python_text::little_endian_word;

/// Appends the bytes with the digits of an immediate wildcarded. Anything but eight characters of hex, and mnemonics
/// without a mask, stay as they are.
pub(super) fn escape(instruction: &Instruction<'_>, out: &mut Vec<u8>) {
    let bytes = instruction.bytes;
    let mask = if bytes.len() == 8 && has_immediate(instruction.operands) {
        keep_mask(instruction.mnemonic)
    } else {
        None
    };
    match mask.zip(little_endian_word(bytes)) {
        Some((mask, (word, _))) => {
            for digit in [1, 0, 3, 2, 5, 4, 7, 6] {
                let nibble = (word >> (4 * digit) & 0xf) as usize;
                out.push(if mask >> digit & 1 == 1 { b"0123456789abcdef"[nibble] } else { b'?' });
            }
        }
        None => out.extend_from_slice(bytes.as_bytes()),
    }
}

/// The digits to keep: by the mnemonic, by its beginning, or by what stands before its first dot. Bit n keeps digit n of
/// the little-endian word.
fn keep_mask(mnemonic: &str) -> Option<u8> {
    let tables = &*TABLES;
    if let Some(mask) = tables.keep.get(mnemonic) {
        return Some(*mask);
    }
    if let Some((_, mask)) = tables.keep_prefixes.iter().find(|(prefix, _)| mnemonic.starts_with(prefix)) {
        return Some(*mask);
    }
    mnemonic.split_once('.').and_then(|(base, _)| tables.keep.get(base).copied())
}

#[cfg(test)]
mod tests {
    use malkin_report::Va;

    use super::*;

    #[test]
    fn only_immediates_are_wildcarded() {
        for (bytes, mnemonic, operands, expected) in [
            ("20008052", "mov", "w0, #1", "?0????52"),
            ("e00301aa", "mov", "x0, x1", "e00301aa"),
            ("04000094", "bl", "#0x401010", "??????94"),
            ("40000054", "b.eq", "#0x401008", "?0????54"),
            ("40000054", "add.x", "#0x401008", "?0????54"),
            ("20008052", "svc", "#0", "20008052"),
            ("aa bb cc", "mov", "w0, #1", "?a????00"),
            ("2000805", "mov", "w0, #1", "2000805"),
            ("2000805g", "mov", "w0, #1", "2000805g"),
        ] {
            let instruction = Instruction { offset: Va::new(0), bytes, mnemonic, operands };
            let mut out = Vec::new();
            escape(&instruction, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{bytes} {mnemonic} {operands}");
        }
    }
}
