//! Byte sequences that compilers and linkers fill the space between functions with.
//!
//! Source: the constants of SMDA 5.0.1 (BSD-2-Clause); the multi-byte forms of `nop` are those that the Intel manual
//! (volume 2B, NOP) and the GNU assembler use.

/// Two-byte fillers that can be the entry of a hot-patchable function.
pub(crate) fn is_entry_pad(bits: u32, code: &[u8]) -> bool {
    let known: [[u8; 2]; 2] =
        if bits == 64 { [[0x66, 0x90], [0x8b, 0xc9]] } else { [[0x89, 0xff], [0x8b, 0xff]] };
    known.iter().any(|pad| pad == code)
}

/// First bytes worth decoding when looking for a `nop` with prefixes.
pub(crate) fn may_be_nop(bits: u32, byte: u8) -> bool {
    match byte {
        0x0f | 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf2 | 0xf3 => true,
        0x40..=0x4f => bits == 64,
        _ => false,
    }
}

/// Bytes that are filler one by one.
pub(crate) fn is_single_filler(byte: u8) -> bool {
    matches!(byte, 0x00 | 0x90 | 0xcc | 0xf4)
}

/// Whether a filler sequence can start with this byte.
pub(crate) fn starts_filler(byte: u8) -> bool {
    matches!(byte, 0x00 | 0x0f | 0x2e | 0x66 | 0x86 | 0x89 | 0x8b | 0x8d | 0x90 | 0xcc | 0xeb | 0xf4)
}

/// Longest filler sequence, in bytes.
pub(crate) const LONGEST_FILLER: usize = 15;

/// Whether exactly these bytes are one filler sequence.
pub(crate) fn is_filler(bytes: &[u8]) -> bool {
    FILLERS.get(bytes.len()).is_some_and(|known| known.contains(&bytes))
}

/// Whether code starts with any filler sequence.
pub(crate) fn begins_with_filler(code: &[u8]) -> bool {
    longest_filler(code, 1).is_some()
}

/// Length of the longest filler sequence code starts with, at least `shortest`.
pub(crate) fn longest_filler(code: &[u8], shortest: usize) -> Option<usize> {
    if !starts_filler(*code.first()?) {
        return None;
    }
    (shortest..=LONGEST_FILLER.min(code.len())).rev().find(|&length| is_filler(&code[..length]))
}

/// Filler sequences by length.
static FILLERS: [&[&[u8]]; LONGEST_FILLER + 1] = [
    &[],
    &[b"\x00", b"\x90", b"\xcc", b"\xf4"],
    &[
        b"\x0f\x0b",
        b"\x66\x2e",
        b"\x66\x90",
        b"\x86\xc0",
        b"\x89\xc0",
        b"\x89\xff",
        b"\x8b\xc0",
        b"\x8b\xc9",
        b"\x8b\xd2",
        b"\x8b\xdb",
        b"\x8b\xf6",
        b"\x8b\xff",
        b"\x8d\x00",
        b"\xeb\x00",
    ],
    &[
        b"\x0f\x1f\x00",
        b"\x66\x66\x90",
        b"\x8d\x00\x00",
        b"\x8d\x24\x24",
        b"\x8d\x40\x00",
        b"\x8d\x49\x00",
        b"\x8d\x76\x00",
    ],
    &[b"\x0f\x1f\x40\x00", b"\x66\x66\x66\x90", b"\x8d\x64\x24\x00", b"\x8d\x74\x26\x00"],
    &[b"\x0f\x1f\x44\x00\x00", b"\x2e\x8d\x74\x26\x00", b"\x66\x0f\x1f\x40\x00", b"\x90\x8d\x74\x26\x00"],
    &[b"\x66\x0f\x1f\x44\x00\x00", b"\x8d\xb6\x00\x00\x00\x00", b"\x8d\xbf\x00\x00\x00\x00"],
    &[b"\x0f\x1f\x80\x00\x00\x00\x00", b"\x8d\xb4\x26\x00\x00\x00\x00", b"\x8d\xbc\x27\x00\x00\x00\x00"],
    &[
        b"\x0f\x1f\x84\x00\x00\x00\x00\x00",
        b"\x2e\x8d\xb4\x26\x00\x00\x00\x00",
        b"\x90\x8d\xb4\x26\x00\x00\x00\x00",
    ],
    &[b"\x66\x0f\x1f\x84\x00\x00\x00\x00\x00", b"\x89\xf6\x8d\xbc\x27\x00\x00\x00\x00"],
    &[
        b"\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00",
        b"\x66\x66\x0f\x1f\x84\x00\x00\x00\x00\x00",
        b"\x8d\x76\x00\x8d\xbc\x27\x00\x00\x00\x00",
    ],
    &[
        b"\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00",
        b"\x66\x66\x66\x0f\x1f\x84\x00\x00\x00\x00\x00",
        b"\x8d\x74\x26\x00\x8d\xbc\x27\x00\x00\x00\x00",
    ],
    &[
        b"\x66\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00",
        b"\x8d\xb6\x00\x00\x00\x00\x8d\xbf\x00\x00\x00\x00",
    ],
    &[
        b"\x66\x66\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00",
        b"\x8d\xb6\x00\x00\x00\x00\x8d\xbc\x27\x00\x00\x00\x00",
    ],
    &[
        b"\x66\x66\x66\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00",
        b"\x8d\xb4\x26\x00\x00\x00\x00\x8d\xbc\x27\x00\x00\x00\x00",
    ],
    &[b"\x66\x66\x66\x66\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_are_found_longest_first() {
        assert_eq!(longest_filler(b"\x66\x66\x90\x90", 2), Some(3));
        assert_eq!(longest_filler(b"\x90\x90", 2), None);
        assert_eq!(longest_filler(b"\x90\x90", 1), Some(1));
        assert!(
            FILLERS.iter().enumerate().all(|(length, known)| known.iter().all(|bytes| bytes.len() == length))
        );
        assert!(FILLERS.iter().flat_map(|known| known.iter()).all(|bytes| starts_filler(bytes[0])));
    }
}
