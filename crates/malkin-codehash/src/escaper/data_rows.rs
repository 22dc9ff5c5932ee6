//! Reads the word tables in `data/`: lines of a key and the words it holds.
//!
//! Blank lines and lines that begin with `#` are comments. A key may take several lines. The tables are
//! part of the program, so a row of an unknown key is a mistake that the test of its table finds, not an error at run time.

use std::str::SplitAsciiWhitespace;

/// The rows of a table: key and words.
pub(super) fn rows(
    table: &'static str,
) -> impl Iterator<Item = (&'static str, SplitAsciiWhitespace<'static>)> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().map(|key| (key, words))
    })
}

/// The number behind the colon of a key such as `keep:c1`, in hexadecimal.
pub(super) fn hex_suffix(key: &str) -> Option<u8> {
    key.split_once(':').and_then(|(_, digits)| u8::from_str_radix(digits, 16).ok())
}

/// The letter behind the colon of a key such as `group:A`.
pub(super) fn letter_suffix(key: &str) -> Option<u8> {
    key.split_once(':').and_then(|(_, letter)| letter.bytes().next())
}
