//! Numbers as texts of paths and bodies list them.

use crate::answer::Answer;
use crate::call::Call;
use crate::path::python_int;

/// Decimal numbers separated by commas: blanks around commas and one newline at the end are tolerated, anything else is
/// nothing. Numbers beyond 64 bits are numbers of nothing and become the largest one.
pub(super) fn decimal_list(text: &str) -> Option<Vec<i64>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let is_bare = text.trim().len() == text.len();
    // Blanks belong to commas: none before the first number or after the last.
    is_bare.then(|| text.split(',').map(|piece| decimal(piece.trim())).collect()).flatten()
}

/// As [`decimal_list`], each number up to `last` once and those above left out. Memory is bounded by the text, and by `last`, which
/// is a number of ours: of the former as many bytes, of the latter an eighth.
pub(super) fn distinct_list(text: &str, last: i64) -> Option<Vec<i64>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.trim().len() != text.len() {
        return None;
    }
    let last = usize::try_from(last).ok()?;
    let (mut seen, mut found) = (vec![0_u64; last / 64 + 1], Vec::new());
    for piece in text.split(',') {
        let number = decimal(piece.trim())?;
        let Some(at) = usize::try_from(number).ok().filter(|at| *at <= last) else { continue };
        let (word, bit) = (seen.get_mut(at / 64)?, 1 << (at % 64));
        if *word & bit == 0 {
            *word |= bit;
            found.push(number);
        }
    }
    Some(found)
}

fn decimal(digits: &str) -> Option<i64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(i64::MAX))
}

/// Most numbers of a batch look-up.
const MAX_BATCH: usize = 10_000;

/// The numbers of a batch look-up, ascending, each once.
pub(super) fn body_list(call: &Call) -> Result<Vec<i64>, Answer> {
    call.require_body("POST")?;
    let listed = std::str::from_utf8(&call.body).ok().and_then(decimal_list);
    let mut ids =
        listed.ok_or_else(|| Answer::bad_request("The body has to be numbers, separated by commas."))?;
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > MAX_BATCH {
        return Err(Answer::bad_request(&format!("At most {MAX_BATCH} records can be asked for at once.")));
    }
    Ok(ids)
}

/// Integers in Python's notation, signs and blanks included, separated by commas.
pub(super) fn int_list(text: &str) -> Option<Vec<i64>> {
    text.split(',').map(|piece| python_int(piece.trim())).collect()
}

/// A hash as hexadecimal text: at least 16 digits, in Python's notation after those.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HashText {
    /// A hash.
    Hash(u64),
    /// A number that no hash of 64 bits can be.
    TooLarge,
    /// Not a number, though it begins as one.
    Garbage,
    /// Fewer than 16 digits at its start.
    TooShort,
}

/// Reads a hash.
pub(super) fn hash(text: &str) -> HashText {
    let start = text.as_bytes().get(..16);
    if !start.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
        return HashText::TooShort;
    }
    // Single underscores between digits mean nothing, white space at the end neither.
    let text = text.trim_end();
    let pieces: Vec<&str> = text.split('_').collect();
    let is_hex = |piece: &&str| !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !pieces.iter().all(is_hex) {
        return HashText::Garbage;
    }
    let digits = pieces.concat();
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return HashText::Hash(0);
    }
    u64::from_str_radix(significant, 16).map_or(HashText::TooLarge, HashText::Hash)
}

/// Why a text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NotAnAddress {
    /// No number.
    Garbage,
    /// A number, but negative or beyond 64 bits.
    OutOfRange,
}

/// Reads an address as Python's `int(text, 0)` does: decimal without leading zeros, or with the prefix `0x`, `0o` or `0b`;
/// single underscores, a sign and surrounding blanks are allowed.
pub(super) fn address(text: &str) -> Result<u64, NotAnAddress> {
    let (negative, digits) = sign(text);
    let prefix = digits.get(..2).unwrap_or_default().to_ascii_lowercase();
    let radix = match prefix.as_str() {
        "0x" => 16,
        "0o" => 8,
        "0b" => 2,
        _ => {
            let is_zero = digits.bytes().all(|byte| matches!(byte, b'0' | b'_'));
            if digits.starts_with('0') && !is_zero {
                return Err(NotAnAddress::Garbage);
            }
            return number(negative, digits, 10);
        }
    };
    number(negative, behind_prefix(digits), radix)
}

/// Reads an address as Python's `int(text, 16)` does: hexadecimal, with `0x` in front or without.
pub(super) fn hex_address(text: &str) -> Result<u64, NotAnAddress> {
    let (negative, digits) = sign(text);
    let has_prefix = digits.starts_with("0x") || digits.starts_with("0X");
    number(negative, if has_prefix { behind_prefix(digits) } else { digits }, 16)
}

fn sign(text: &str) -> (bool, &str) {
    let text = text.trim();
    (text.starts_with('-'), text.strip_prefix(['-', '+']).unwrap_or(text))
}

/// What follows a prefix of two characters; one underscore may stand between.
fn behind_prefix(digits: &str) -> &str {
    digits.get(2..).map_or("", |rest| rest.strip_prefix('_').unwrap_or(rest))
}

fn number(negative: bool, digits: &str, radix: u32) -> Result<u64, NotAnAddress> {
    let pieces: Vec<&str> = digits.split('_').collect();
    let is_number = |piece: &&str| !piece.is_empty() && piece.chars().all(|digit| digit.is_digit(radix));
    if !pieces.iter().all(is_number) {
        return Err(NotAnAddress::Garbage);
    }
    match u64::from_str_radix(&pieces.concat(), radix) {
        Ok(0) => Ok(0),
        Ok(number) if !negative => Ok(number),
        _ => Err(NotAnAddress::OutOfRange),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_lists() {
        assert_eq!(decimal_list("0,3,14"), Some(vec![0, 3, 14]));
        assert_eq!(decimal_list("14 , 3"), Some(vec![14, 3]));
        assert_eq!(decimal_list("1,2\n"), Some(vec![1, 2]));
        assert_eq!(decimal_list("0\t,1"), Some(vec![0, 1]));
        assert_eq!(decimal_list("00"), Some(vec![0]));
        assert_eq!(decimal_list("99999999999999999999"), Some(vec![i64::MAX]));
        let bad = [
            "", "1,a,3", "[1,2]", "1,2,", ",1", "-1", "+1", "1.0", "1,,2", " 1", "1 ", "1_0", "0 1", "0\n\n",
        ];
        for bad in bad {
            assert_eq!(decimal_list(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn integer_lists() {
        assert_eq!(int_list("0, 1,-3,+4,1_0"), Some(vec![0, 1, -3, 4, 10]));
        for bad in ["", "0,1,", "a,b", "0;1", " ", "1.0"] {
            assert_eq!(int_list(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn hashes_have_sixteen_digits_at_least() {
        assert_eq!(hash("a6cb05d3f2f893a8"), HashText::Hash(0xa6cb_05d3_f2f8_93a8));
        assert_eq!(hash("00A6CB05D3F2F893A8"), HashText::Hash(0xa6cb_05d3_f2f8_93a8));
        assert_eq!(hash("0000000000000000"), HashText::Hash(0));
        assert_eq!(hash("4cc55ab1f5c9815c00"), HashText::TooLarge);
        assert_eq!(hash("4cc55ab1f5c9815c_0"), HashText::TooLarge);
        for garbage in
            ["4cc55ab1f5c9815czz", "4cc55ab1f5c9815c 0", "4cc55ab1f5c9815c__0", "4cc55ab1f5c9815c_"]
        {
            assert_eq!(hash(garbage), HashText::Garbage, "{garbage}");
        }
        for short in ["", "00", "zz", "0x4cc55ab1f5c9815c", "4cc55ab1f5c9815", "\u{e9}cc55ab1f5c9815c"] {
            assert_eq!(hash(short), HashText::TooShort, "{short}");
        }
    }

    /// Each of these was asked of the reference.
    #[test]
    fn addresses_are_written_as_in_python() {
        let good = [
            ("0", 0),
            ("00", 0),
            ("0x400000", 0x40_0000),
            ("0X40", 0x40),
            ("10", 10),
            ("+5", 5),
            ("1_0", 10),
            ("0x_10", 16),
            (" 10", 10),
            ("0o17", 15),
            ("0b11", 3),
            ("0xffffffffffffffff", u64::MAX),
        ];
        for (text, expected) in good {
            assert_eq!(address(text), Ok(expected), "{text}");
        }
        for garbage in ["zz", "ffff", "0x", "", "010", "0x-1", "1e3", "1__0", "_1", "0x__1", "-"] {
            assert_eq!(address(garbage), Err(NotAnAddress::Garbage), "{garbage}");
        }
        for beyond in ["-1", "18446744073709551616", "0xfffffffffffffffff"] {
            assert_eq!(address(beyond), Err(NotAnAddress::OutOfRange), "{beyond}");
        }
        for (text, expected) in [
            ("401000", 0x40_1000),
            ("0x401000", 0x40_1000),
            ("+10", 16),
            (" 10 ", 16),
            ("0x_10", 16),
            ("010", 16),
        ] {
            assert_eq!(hex_address(text), Ok(expected), "{text}");
        }
        assert_eq!(hex_address("0x"), Err(NotAnAddress::Garbage));
        assert_eq!(hex_address(""), Err(NotAnAddress::Garbage));
        assert_eq!(hex_address("-1"), Err(NotAnAddress::OutOfRange));
        assert_eq!(hex_address("fffffffffffffffff"), Err(NotAnAddress::OutOfRange));
    }
}
