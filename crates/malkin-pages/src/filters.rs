//! Filters of the templates: how numbers and names are written.

#![expect(
    unreachable_pub,
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    clippy::trivially_copy_pass_by_ref,
    reason = "the macro of askama makes a public struct of each filter, whose method has the shape that templates call"
)]

use std::fmt::Display;

use askama::{Result, Values};

use crate::shown::{MAX_SHOWN, shown as shown_text};

/// A name of others ([`crate::shown`]).
#[askama::filter_fn]
pub(crate) fn shown(text: impl Display, _: &dyn Values) -> Result<String> {
    Ok(shown_text(&text.to_string(), MAX_SHOWN))
}

/// A name that may be empty: what is not named is said to be so.
#[askama::filter_fn]
pub(crate) fn named(text: impl Display, _: &dyn Values) -> Result<String> {
    let text = text.to_string();
    Ok(if text.is_empty() { "(unnamed)".to_owned() } else { shown_text(&text, MAX_SHOWN) })
}

/// A name as the value of a field; empty, which leaves it as it is, if it could not be shown unchanged.
#[askama::filter_fn]
pub(crate) fn plain(text: impl Display, _: &dyn Values) -> Result<String> {
    let text = text.to_string();
    Ok(if shown_text(&text, usize::MAX) == text { text } else { String::new() })
}

/// An address or hash as `0x...`.
#[askama::filter_fn]
pub(crate) fn hex(number: &u64, _: &dyn Values) -> Result<String> {
    Ok(format!("{number:#x}"))
}

/// A number with commas between thousands.
#[askama::filter_fn]
pub(crate) fn count(number: impl Display, _: &dyn Values) -> Result<String> {
    Ok(grouped(&number.to_string()))
}

/// Digits with commas between thousands.
pub fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with one decimal.
#[askama::filter_fn]
pub(crate) fn one(number: &f64, _: &dyn Values) -> Result<String> {
    Ok(format!("{number:.1}"))
}

/// Bytes in the unit that suits them.
#[askama::filter_fn]
pub(crate) fn bytes(number: &u64, _: &dyn Values) -> Result<String> {
    Ok(size_text(*number))
}

/// Bytes in the unit that suits them: 512 B, 1.5 kB, 3.2 MB (powers of 1,000).
pub fn size_text(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_sized() {
        for (number, text) in [("0", "0"), ("999", "999"), ("1000", "1,000"), ("-1234567", "-1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (3_200_000, "3.2 MB"), (7 << 30, "7.5 GB")]
        {
            assert_eq!(size_text(bytes), text);
        }
    }
}
