//! Binary escape: hex digits of the instruction, with question marks where an address or a jump distance stands.
//!
//! Works on the report's text, as the reference does: constants are found by searching their little-endian digits in the
//! bytes, at any digit position, and the number of hits decides. The places where this is not what a decoder would do are
//! part of the definition.

use malkin_report::{ImageRange, Instruction};

use super::table;
use crate::escaper::{BinaryContext, last_word};

/// Images based at or below this address never use the value rule.
const LOW_IMAGE_BASE: u64 = 0x10_0000;

/// Digits searched for constants at most. No instruction of the architecture has more than 30; the bound keeps the search
/// linear in the size of a report whatever it calls an instruction.
const MAX_SEARCHED_DIGITS: usize = 256;

/// Appends the escaped digits of the instruction.
pub(in crate::escaper) fn escape_binary(
    instruction: &Instruction<'_>,
    context: &BinaryContext,
    out: &mut Vec<u8>,
) {
    let bytes = instruction.bytes.as_bytes();
    let start = out.len();
    out.extend_from_slice(bytes);
    if table::mnemonic(last_word(instruction.mnemonic)).is_jump() {
        let cut = jump_cut(bytes, context.intra);
        if cut > 0 {
            let kept = if bytes.is_ascii() {
                bytes.len().saturating_sub(cut)
            } else {
                // Characters are cut, and hostile text has some of several bytes.
                instruction.bytes.char_indices().rev().nth(cut - 1).map_or(0, |(at, _)| at)
            };
            out.truncate(start + kept);
            // The number of question marks is fixed even when fewer digits can be cut.
            out.resize(out.len() + cut, b'?');
        }
        return;
    }
    if bytes.len() > MAX_SEARCHED_DIGITS {
        return;
    }
    let operands = instruction.operands;
    let marks = Marks::of(operands.as_bytes());
    if marks.pointer {
        escape_pointer(bytes, operands, context, &mut out[start..]);
    }
    if let Some(image) = context.image.filter(|image| marks.value && image.start > LOW_IMAGE_BASE) {
        escape_values(operands.as_bytes(), image, &mut out[start..]);
    }
}

/// Digits at the end of a jump or call that are replaced.
fn jump_cut(bytes: &[u8], intra: bool) -> usize {
    let code = &bytes[table::prefix_digits(bytes)..];
    match code {
        [b'7', ..] | [b'e', b'0' | b'1' | b'2' | b'3' | b'b', ..] if intra => 2,
        [b'0', b'f', b'8', ..] if intra => 8,
        [b'f', b'f', ..] if num_chars(code) <= 8 => 0,
        [b'e', b'8' | b'9', ..]
        | [b'f', b'f', b'1' | b'2', b'4' | b'5', ..]
        | [b'f', b'f', b'a', b'a', ..]
        | [b'4', b'8', b'f', b'f', b'2', b'5', ..] => 8,
        [b'4', b'8', b'f', b'f', b'6', b'1', _, _] => 2,
        [b'e' | b'9', b'a', ..] => 12,
        _ => 0,
    }
}

/// Characters of UTF-8 text.
fn num_chars(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// Which of the two rules the operand text asks for.
#[derive(Default)]
struct Marks {
    /// Contains `ptr [0x`, `[rip + 0x` or `[rip - 0x`.
    pointer: bool,
    /// Starts with `0x`, or contains `, 0x`, `+ 0x` or `- 0x`.
    value: bool,
}

impl Marks {
    /// One walk over the places where `0x` stands.
    fn of(operands: &[u8]) -> Self {
        let mut marks = Self::default();
        let mut from = 0;
        while let Some(at) = memchr::memchr(b'x', &operands[from..]) {
            let x = from + at;
            from = x + 1;
            if x == 0 || operands[x - 1] != b'0' {
                continue;
            }
            match &operands[..x - 1] {
                [] | [.., b',' | b'+' | b'-', b' '] => {
                    marks.value = true;
                    marks.pointer |=
                        operands[..x - 1].ends_with(b"[rip + ") || operands[..x - 1].ends_with(b"[rip - ");
                }
                [.., b'['] => marks.pointer |= operands[..x - 1].ends_with(b"ptr ["),
                _ => {}
            }
        }
        marks
    }
}

/// The pointer rule: the displacement of an absolute or instruction-relative operand.
fn escape_pointer(bytes: &[u8], operands: &str, context: &BinaryContext, escaped: &mut [u8]) {
    let Some(value) = bracketed_value(operands) else { return };
    let wide = context.decoder && context.bitness == 64 && is_moffs64(bytes);
    // The displacement in the width of the encoding; one that does not fit 4 bytes is tried as 8.
    let bits = if wide { 64 } else { 32 };
    let value = if operands.contains("rip -") { (1_u128 << bits).checked_sub(value) } else { Some(value) };
    let Some(value) = value.and_then(|value| u64::try_from(value).ok()) else { return };
    let digits = Digits::of(value, wide || value > u64::from(u32::MAX));
    let hits = digits.find_in(escaped);
    if hits.count == 1 || hits.count == 2 {
        blank(escaped, hits.last, digits.len());
    }
}

/// The value rule: every constant of the operand text that is an address of the image.
fn escape_values(operands: &[u8], image: ImageRange, escaped: &mut [u8]) {
    for value in Constants(operands).filter(|value| image.contains(*value)) {
        let digits = Digits::of(value, value > u64::from(u32::MAX));
        let hits = digits.find_in(escaped);
        if hits.count == 1 || hits.count == 2 {
            blank(escaped, hits.last, digits.len());
        }
        // Two hits that overlap share digits: the one found from the right wins.
        if hits.count == 2 && hits.first + digits.len() <= hits.last {
            blank(escaped, hits.first, digits.len());
        }
    }
}

/// Blanks `count` digits.
fn blank(escaped: &mut [u8], at: usize, count: usize) {
    if let Some(digits) = escaped.get_mut(at..at + count) {
        digits.fill(b'?');
    }
}

/// The number of the first `[0x..]`, `[rip + 0x..]` or `[rip - 0x..]`, saturated: what exceeds 64 bits is never in the bytes.
fn bracketed_value(operands: &str) -> Option<u128> {
    let mut rest = operands.as_bytes();
    while let Some(at) = memchr::memchr(b'[', rest) {
        rest = &rest[at + 1..];
        let inner = rest.strip_prefix(b"rip + ").or_else(|| rest.strip_prefix(b"rip - ")).unwrap_or(rest);
        let Some(digits) = inner.strip_prefix(b"0x") else { continue };
        let len = digits.iter().take_while(|digit| digit.is_ascii_hexdigit()).count();
        if len > 0 && digits.get(len) == Some(&b']') {
            return Some(parse_hex(&digits[..len]));
        }
    }
    None
}

/// Value of hex digits, saturated.
fn parse_hex(digits: &[u8]) -> u128 {
    digits
        .iter()
        .filter_map(|digit| (*digit as char).to_digit(16))
        .fold(0, |value: u128, digit| value.saturating_mul(16).saturating_add(u128::from(digit)))
}

/// Numbers of the form `0x` and 1 to 16 hex digits, left to right, each as long as possible.
struct Constants<'a>(&'a [u8]);

impl Iterator for Constants<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while let Some(at) = memchr::memchr(b'0', self.0) {
            self.0 = &self.0[at + 1..];
            let Some(digits) = self.0.strip_prefix(b"x") else { continue };
            let len = digits.iter().take(16).take_while(|digit| digit.is_ascii_hexdigit()).count();
            if len > 0 {
                self.0 = &digits[len..];
                return Some(parse_hex(&digits[..len]) as u64);
            }
        }
        None
    }
}

/// Whether the bytes are a 64-bit absolute move: opcode a0 to a3 behind prefixes without 67 and REX bytes in any order, 8
/// bytes of address, and nothing else (the bytes of an instruction are one instruction).
fn is_moffs64(bytes: &[u8]) -> bool {
    let mut code = bytes;
    while let [b'4', _, rest @ ..]
    | [b'2' | b'3', b'6' | b'e', rest @ ..]
    | [b'6', b'4' | b'5' | b'6', rest @ ..]
    | [b'f', b'0' | b'2' | b'3', rest @ ..] = code
    {
        code = rest;
    }
    code.len() == 18 && matches!(code, [b'a', b'0'..=b'3', ..])
}

/// Little-endian hex digits of a constant, 8 or 16 of them.
struct Digits {
    text: [u8; 16],
    wide: bool,
}

/// Where digits were found. `first` and `last` are meaningful for counts of 1 and 2.
#[derive(Default)]
struct Hits {
    /// Overlapping occurrences; counting stops at 3.
    count: u32,
    first: usize,
    last: usize,
}

impl Digits {
    fn of(value: u64, wide: bool) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 16];
        for (pair, byte) in text.chunks_exact_mut(2).zip(value.to_le_bytes()) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        Self { text, wide }
    }

    fn len(&self) -> usize {
        if self.wide { 16 } else { 8 }
    }

    /// Counts occurrences at any digit position.
    fn find_in(&self, haystack: &[u8]) -> Hits {
        let needle = &self.text[..self.len()];
        let mut hits = Hits::default();
        let mut from = 0;
        // Real instructions have at most 30 digits; the searcher of memchr keeps hostile ones linear.
        while let Some(at) = haystack.get(from..).and_then(|rest| find(rest, needle)) {
            let at = from + at;
            if hits.count == 0 {
                hits.first = at;
            }
            hits.last = at;
            hits.count += 1;
            if hits.count > 2 {
                break;
            }
            from = at + 1;
        }
        hits
    }
}

/// First position of 8 or 16 digits.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if haystack.len() > 64 {
        return memchr::memmem::find(haystack, needle);
    }
    match needle.len() {
        8 => {
            let needle = u64::from_le_bytes(*needle.first_chunk()?);
            haystack.windows(8).position(|window| {
                window.first_chunk().is_some_and(|window| u64::from_le_bytes(*window) == needle)
            })
        }
        _ => haystack.windows(needle.len()).position(|window| window == needle),
    }
}

#[cfg(test)]
mod tests;
