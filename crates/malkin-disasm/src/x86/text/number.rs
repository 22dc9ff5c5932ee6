//! Numbers as capstone prints them: 0 to 9 in decimal, everything else in lower-case hex.

use std::fmt::Write;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends a number that is never negative.
pub(in crate::x86) fn unsigned(value: u64, out: &mut String) {
    if value <= 9 {
        out.push((b'0' + value as u8) as char);
        return;
    }
    let mut text = *b"0x0000000000000000";
    let digits = (67 - value.leading_zeros()) as usize / 4;
    for (place, shift) in text[2..2 + digits].iter_mut().rev().zip((0..).step_by(4)) {
        *place = DIGITS[(value >> shift) as usize & 15];
    }
    out.push_str(std::str::from_utf8(&text[..2 + digits]).unwrap_or_default());
}

/// Appends a signed number: `-1`, `-0x10`, `0x10`.
pub(in crate::x86) fn signed(value: i64, out: &mut String) {
    if value < 0 && value != i64::MIN {
        out.push('-');
    }
    unsigned(value.unsigned_abs(), out);
}

/// Appends a small decimal number.
pub(in crate::x86) fn decimal(value: u32, out: &mut String) {
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn small_numbers_are_decimal_and_large_ones_hex() {
        assert_eq!(text(|out| unsigned(9, out)), "9");
        assert_eq!(text(|out| unsigned(10, out)), "0xa");
        assert_eq!(text(|out| unsigned(0x100, out)), "0x100");
        assert_eq!(text(|out| unsigned(u64::MAX, out)), "0xffffffffffffffff");
    }

    #[test]
    fn signs_are_written_except_for_the_lowest_number() {
        assert_eq!(text(|out| signed(-9, out)), "-9");
        assert_eq!(text(|out| signed(-16, out)), "-0x10");
        assert_eq!(text(|out| signed(i64::MIN, out)), "0x8000000000000000");
    }
}
