//! Printable text in a file: ASCII, and UTF-16 in little-endian order as far as it is ASCII.

use serde::{Deserialize, Serialize};

/// Shortest text, in characters (the default of the tool `strings` is 4, of FLOSS too; 5 halves the noise).
pub const MIN_LENGTH: usize = 5;
/// Longest text that is kept, in characters; longer ones are cut into pieces.
const MAX_LENGTH: usize = 4096;
/// Most texts that are looked at.
pub const MAX_STRINGS: usize = 1_000_000;

/// How a text is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// One byte a character.
    Ascii,
    /// Two bytes a character, little-endian.
    Utf16le,
}

/// A text with its place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Text {
    /// Offset in the file, in bytes.
    pub offset: usize,
    /// Its encoding.
    pub encoding: Encoding,
    /// The text.
    pub text: String,
}

pub(crate) fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

/// Finds texts in the order of their offsets, those of one encoding after those of the other.
pub fn strings(bytes: &[u8]) -> Vec<Text> {
    let mut found = Vec::new();
    ascii(bytes, &mut found);
    wide(bytes, &mut found);
    found
}

fn ascii(bytes: &[u8], found: &mut Vec<Text>) {
    let mut at = 0;
    while at < bytes.len() && found.len() < MAX_STRINGS {
        let rest = &bytes[at..];
        let length = rest.iter().take(MAX_LENGTH).take_while(|byte| is_printable(**byte)).count();
        if length >= MIN_LENGTH {
            let text = String::from_utf8_lossy(&rest[..length]).into_owned();
            found.push(Text { offset: at, encoding: Encoding::Ascii, text });
        }
        at += length.max(1);
    }
}

fn wide(bytes: &[u8], found: &mut Vec<Text>) {
    let mut at = 0;
    while at + 1 < bytes.len() && found.len() < MAX_STRINGS {
        let pairs = bytes[at..].chunks_exact(2).take(MAX_LENGTH);
        let length = pairs.take_while(|pair| pair[1] == 0 && is_printable(pair[0])).count();
        if length >= MIN_LENGTH {
            let text = bytes[at..at + length * 2].iter().step_by(2).map(|byte| *byte as char).collect();
            found.push(Text { offset: at, encoding: Encoding::Utf16le, text });
            at += length * 2;
        } else {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_both_encodings_are_found_at_their_offsets() {
        let mut bytes = b"\x01hello\0abc\0\x01".to_vec();
        bytes.extend("wide text".encode_utf16().flat_map(u16::to_le_bytes));
        let found = strings(&bytes);
        let seen: Vec<_> =
            found.iter().map(|text| (text.offset, text.encoding, text.text.as_str())).collect();
        assert_eq!(seen, [(1, Encoding::Ascii, "hello"), (12, Encoding::Utf16le, "wide text")]);
    }

    #[test]
    fn long_texts_come_in_pieces() {
        let found = strings(&vec![b'a'; 10_000]);
        assert_eq!(found.iter().map(|text| text.text.len()).sum::<usize>(), 10_000);
        assert!(found.iter().all(|text| text.text.len() <= MAX_LENGTH));
    }
}
