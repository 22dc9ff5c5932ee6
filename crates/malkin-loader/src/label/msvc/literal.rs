//! String literals: `??_C@_0<length><hash>@<bytes>@`.

use std::fmt::Write;

use super::reader::Reader;

/// How many bytes of a wide literal a name holds.
const WIDE_BYTES: u64 = 64;
/// Most bytes that are read of a narrow literal: four times what a compiler writes.
const MAX_NARROW: usize = 128;
/// Most bytes that a literal can have and still be written whole.
const SHORT: u64 = 32;
/// What the escapes `?0` to `?9` stand for.
const ESCAPED: &[u8; 10] = b",/\\:. \n\t'-";

impl Reader<'_> {
    /// The literal as C++ writes it.
    pub(super) fn string_literal(&mut self) -> Option<String> {
        self.expect("@_")?;
        let is_wide = match self.take()? {
            b'0' => false,
            b'1' => true,
            _ => return None,
        };
        let length = self.count().filter(|&length| length >= if is_wide { 2 } else { 1 })?;
        self.until_at()?;
        let mut bytes = Vec::new();
        while !self.eat("@") {
            if !is_wide && bytes.len() >= MAX_NARROW {
                return None;
            }
            bytes.push(self.literal_byte()?);
        }
        self.end()?;
        if is_wide { wide(&bytes, length) } else { narrow(&bytes, length) }
    }

    fn literal_byte(&mut self) -> Option<u8> {
        let c = self.take_char()?;
        if c != '?' {
            return Some(c as u8);
        }
        match self.take()? {
            b'$' => {
                let mut nibble = || self.take().filter(|c| (b'A'..=b'P').contains(c)).map(|c| c - b'A');
                let (high, low) = (nibble()?, nibble()?);
                Some(high << 4 | low)
            }
            digit @ b'0'..=b'9' => ESCAPED.get(usize::from(digit - b'0')).copied(),
            upper @ b'A'..=b'Z' => Some(upper - b'A' + 0xC1),
            lower @ b'a'..=b'z' => Some(lower - b'a' + 0xE1),
            _ => None,
        }
    }
}

/// Two bytes a character, the high one first.
fn wide(bytes: &[u8], length: u64) -> Option<String> {
    if length % 2 == 1 || bytes.len() % 2 == 1 || bytes.len() as u64 > length {
        return None;
    }
    let mut values: Vec<u32> = bytes
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
        .collect();
    let is_cut = length > WIDE_BYTES;
    let terminator = (length / 2 - 1) as usize;
    if !is_cut && terminator < values.len() {
        values.remove(terminator);
    }
    Some(quoted("L", &values, is_cut))
}

/// One, two or four bytes a character, the low one first. A name does not say how many.
fn narrow(bytes: &[u8], length: u64) -> Option<String> {
    let width = guessed_width(bytes, length);
    if !bytes.len().is_multiple_of(width) {
        return None;
    }
    let mut values: Vec<u32> = bytes
        .chunks_exact(width)
        .map(|unit| unit.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte)))
        .collect();
    let is_cut = length > bytes.len() as u64;
    if !is_cut {
        values.pop();
    }
    let prefix = match width {
        2 => "u",
        4 => "U",
        _ => "",
    };
    Some(quoted(prefix, &values, is_cut))
}

/// Bytes of a character as LLVM guesses them: from the zeroes at the end of a short literal, from all zeroes of a long one.
fn guessed_width(bytes: &[u8], length: u64) -> usize {
    if length % 2 == 1 {
        return 1;
    }
    if length < SHORT {
        return match bytes.iter().rev().take_while(|&&byte| byte == 0).count() {
            4.. if length.is_multiple_of(4) => 4,
            2.. => 2,
            _ => 1,
        };
    }
    let zeroes = bytes.iter().map(|&byte| usize::from(byte == 0)).sum::<usize>();
    if zeroes >= 2 * bytes.len() / 3 && length.is_multiple_of(4) {
        4
    } else if zeroes >= bytes.len() / 3 {
        2
    } else {
        1
    }
}

fn quoted(prefix: &str, values: &[u32], is_cut: bool) -> String {
    let mut text = format!("{prefix}\"");
    for &value in values {
        match (u8::try_from(value), value) {
            (Ok(0), _) => text.push_str("\\0"),
            (Ok(7), _) => text.push_str("\\a"),
            (Ok(8), _) => text.push_str("\\b"),
            (Ok(b'\t'), _) => text.push_str("\\t"),
            (Ok(b'\n'), _) => text.push_str("\\n"),
            (Ok(0x0B), _) => text.push_str("\\v"),
            (Ok(0x0C), _) => text.push_str("\\f"),
            (Ok(b'\r'), _) => text.push_str("\\r"),
            (Ok(c @ (b'"' | b'\'' | b'\\')), _) => text.extend(['\\', char::from(c)]),
            (Ok(c @ 0x20..0x7F), _) => text.push(char::from(c)),
            _ => {
                let digits = format!("{value:X}");
                let width = digits.len() + digits.len() % 2;
                let _ = write!(text, "\\x{value:0width$X}");
            }
        }
    }
    text.push('"');
    text.push_str(if is_cut { "..." } else { "" });
    text
}
