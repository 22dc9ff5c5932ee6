//! Byte sequences compilers open functions with, and those they fill gaps with.
//!
//! Source: the constants of SMDA 5.0.1 (BSD-2-Clause) as `tables/intel_prologues.json` and
//! `tables/intel_gap_sequences.json` of the format study list them.

/// ENDBR64.
pub(crate) const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// Prologues searched for in all code, in the order of the search.
pub(crate) const SEEDS: [&[u8]; 5] =
    [b"\x8b\xff\x55\x8b\xec", b"\x89\xff\x55\x8b\xec", b"\x55\x8b\xec", b"\x55\x89\xe5", b"\x55\x48\x89\xe5"];

/// Prologues searched for in 64-bit code only, after ENDBR64.
pub(crate) const SEEDS_64: [&[u8]; 3] =
    [b"\x41\x57\x41\x56", b"\x40\x53\x48\x83\xec", b"\x40\x55\x48\x83\xec"];

/// `push r15; push r14`, which may follow a `push rbp`.
pub(crate) const PUSH_R15_R14: &[u8] = SEEDS_64[0];

/// A cut after padding needs a start with at least this prologue score.
pub(crate) const ENTRY_SHAPE_SCORE: u32 = 30;

/// Prologues of 32-bit code with their scores, longest first.
const PROLOGUES_32: &[(&[u8], u32)] =
    &[(b"\x89\xff\x55\x8b\xec", 50), (b"\x8b\xff\x55\x8b\xec", 50), (b"\x55\x8b\xec", 50)];

/// Scores of the first byte in 32-bit code.
const FIRST_BYTES_32: &[(u8, u32)] = &[
    (0x31, 1),
    (0x33, 1),
    (0x51, 1),
    (0x53, 6),
    (0x55, 51),
    (0x56, 5),
    (0x57, 5),
    (0x68, 1),
    (0x6a, 1),
    (0x80, 1),
    (0x81, 1),
    (0x83, 7),
    (0x85, 1),
    (0x8b, 10),
    (0x8d, 1),
    (0xa1, 1),
    (0xb8, 1),
    (0xc3, 1),
    (0xe8, 1),
    (0xe9, 2),
    (0xf3, 1),
    (0xff, 4),
];

/// Prologues of 64-bit code with their scores, longest first.
const PROLOGUES_64: &[(&[u8], u32)] = &[
    (b"\x40\x53\x48\x83\xec", 40),
    (b"\x40\x55\x48\x83\xec", 40),
    (b"\x41\x57\x41\x56", 40),
    (b"\x48\x89\x5c\x24", 30),
];

/// Scores of the first byte in 64-bit code.
const FIRST_BYTES_64: &[(u8, u32)] = &[
    (0x0f, 1),
    (0x31, 1),
    (0x33, 1),
    (0x40, 3),
    (0x41, 15),
    (0x44, 1),
    (0x45, 1),
    (0x48, 21),
    (0x4c, 1),
    (0x50, 1),
    (0x53, 6),
    (0x55, 33),
    (0x66, 1),
    (0x80, 1),
    (0x83, 1),
    (0x85, 1),
    (0x89, 1),
    (0x8b, 1),
    (0xb0, 1),
    (0xb8, 1),
    (0xba, 1),
    (0xbf, 1),
    (0xc3, 1),
    (0xc7, 1),
    (0xe9, 2),
    (0xf2, 1),
    (0xf3, 1),
    (0xff, 3),
];

/// Score of the code at a function start: that of the longest known prologue, 0 if there is none.
pub(crate) fn prologue_score(bits: u32, code: &[u8]) -> u32 {
    let window = &code[..code.len().min(9)];
    let (long, short) =
        if bits == 64 { (PROLOGUES_64, FIRST_BYTES_64) } else { (PROLOGUES_32, FIRST_BYTES_32) };
    let window = if bits == 64 { window.strip_prefix(&ENDBR64).unwrap_or(window) } else { window };
    if let Some((_, score)) = long.iter().find(|(bytes, _)| window.starts_with(bytes)) {
        return *score;
    }
    let first = window.first().and_then(|byte| short.iter().find(|(known, _)| known == byte));
    first.map_or(0, |(_, score)| *score)
}

/// Whether code starts with a prologue of five bytes.
pub(crate) fn is_long_prologue(bits: u32, code: &[u8]) -> bool {
    let known = if bits == 64 { PROLOGUES_64 } else { PROLOGUES_32 };
    known.iter().any(|(bytes, _)| bytes.len() == 5 && code.starts_with(bytes))
}

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
    fn the_longest_prologue_decides_and_endbr64_is_skipped_once() {
        assert_eq!(prologue_score(32, b"\x8b\xff\x55\x8b\xec\x00\x00\x00\x00"), 50);
        assert_eq!(prologue_score(32, b"\x8b\xc0"), 10);
        assert_eq!(prologue_score(64, b"\xf3\x0f\x1e\xfa\x40\x53\x48\x83\xec"), 40);
        assert_eq!(prologue_score(32, b"\xf3\x0f\x1e\xfa\x55"), 1);
        assert_eq!(prologue_score(64, b""), 0);
    }

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
