//! Byte sequences compilers open functions with.
//!
//! Source: the constants of SMDA 5.0.1 (BSD-2-Clause). The scores count how often compilers start functions so; they
//! decide the order of the analysis, and so which of two overlapping functions exists.

/// Longest code that the score of a prologue depends on, in bytes.
pub(crate) const WINDOW: usize = 9;

/// ENDBR64 (Intel manual, volume 2A).
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
    let window = &code[..code.len().min(WINDOW)];
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
}
