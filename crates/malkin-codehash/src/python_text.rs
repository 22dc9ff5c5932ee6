//! Python's view of text: white space, word characters, digits, `int()`, `float()` and `bytes.fromhex()`.
//!
//! The reference classifies operand text with Python, and report text is arbitrary, so equal hashes need equal answers for
//! every string, not only for what a disassembler prints. Behaviour is that of CPython 3.11 (Unicode 14). This is not a
//! regular expression engine: matchers are written by hand where they are needed.

mod unicode;

pub(crate) use unicode::{decimal_value, is_digit, is_word};

/// `str.isspace()` of one character, also what `\s` matches and `str.strip()` removes.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `str.strip()`.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The ASCII letter or character that `re.IGNORECASE` compares for a character of the text. Besides the ASCII capitals four
/// characters fold into ASCII: dotted and dotless i, long s, and the Kelvin sign.
pub(crate) fn fold_case(c: char) -> char {
    match c {
        '\u{130}' | '\u{131}' => 'i',
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// What follows `prefix` (lower-case ASCII) if the text starts with it under `re.IGNORECASE`.
pub(crate) fn strip_folded_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    for expected in prefix.chars() {
        if fold_case(rest.next()?) != expected {
            return None;
        }
    }
    Some(rest.as_str())
}

/// The byte that `int()` and `float()` work on: decimal digits of all scripts become ASCII digits, white space outside ASCII
/// a space, anything else outside ASCII invalid.
fn number_byte(c: char) -> u8 {
    match u8::try_from(c) {
        Ok(byte) if byte < 127 => byte,
        _ if is_space(c) => b' ',
        _ => decimal_value(c).map_or(b'?', |value| b'0' + value),
    }
}

/// White space of C, the only kind skipped around numbers once [`number_byte`] has been applied.
fn is_c_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// A text read byte by byte in the form numbers are parsed in. Yields 0 at the end, as C does; an embedded NUL is told apart
/// by [`NumberText::at_end`].
struct NumberText<'a> {
    rest: &'a str,
}

impl<'a> NumberText<'a> {
    /// Text without the white space around it.
    fn new(text: &'a str) -> Self {
        Self { rest: text.trim_matches(|c| is_c_space(number_byte(c))) }
    }

    fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn peek(&self) -> u8 {
        self.rest.chars().next().map_or(0, number_byte)
    }

    fn skip(&mut self) {
        let mut rest = self.rest.chars();
        rest.next();
        self.rest = rest.as_str();
    }

    /// Skips a byte if it is the next one (letters in any case).
    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek().eq_ignore_ascii_case(&byte) && !self.at_end();
        if found {
            self.skip();
        }
        found
    }

    /// Skips an optional sign; true if it was a minus.
    fn sign(&mut self) -> bool {
        if self.accept(b'+') {
            return false;
        }
        self.accept(b'-')
    }

    /// Skips digits with single underscores between them. The number of digits, or `None` for a misplaced underscore.
    fn digits(&mut self, base: u32, mut each: impl FnMut(u32)) -> Option<usize> {
        let mut count = 0;
        let mut after_digit = false;
        loop {
            let byte = self.peek();
            if let Some(value) = (byte as char).to_digit(base) {
                each(value);
                count += 1;
                after_digit = true;
            } else if byte == b'_' {
                if !after_digit {
                    return None;
                }
                after_digit = false;
            } else {
                return (count == 0 || after_digit).then_some(count);
            }
            self.skip();
        }
    }
}

/// `int(text, base)` for base 0 (by prefix), 10 or 16: the value, saturated to the range of `i64`. `None` where Python raises
/// `ValueError`.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i64> {
    /// Digits beyond which Python refuses to convert decimal text (`sys.int_info.default_max_str_digits`).
    const DECIMAL_DIGIT_LIMIT: usize = 4300;
    let mut text = NumberText::new(text);
    let negative = text.sign();
    let mut radix = if base == 0 { 10 } else { base };
    let mut only_zero = false;
    if text.peek() == b'0' && base != 10 {
        let mut ahead = NumberText { rest: text.rest };
        ahead.skip();
        let prefixed = match ahead.peek().to_ascii_lowercase() {
            b'x' => Some(16),
            b'o' if base == 0 => Some(8),
            b'b' if base == 0 => Some(2),
            _ => None,
        };
        match prefixed {
            Some(by_prefix) => {
                ahead.skip();
                ahead.accept(b'_');
                text = ahead;
                radix = by_prefix;
            }
            None => only_zero = base == 0,
        }
    }
    let mut value: i64 = 0;
    let digits = text.digits(radix, |digit| {
        value = value.saturating_mul(i64::from(radix)).saturating_add(i64::from(digit));
    })?;
    let too_long = radix == 10 && digits > DECIMAL_DIGIT_LIMIT;
    if digits == 0 || !text.at_end() || too_long || (only_zero && value != 0) {
        return None;
    }
    Some(if negative { -value } else { value })
}

/// Whether `float(text)` returns rather than raises: decimal numbers, `inf`, `infinity` and `nan`.
pub(crate) fn is_float(text: &str) -> bool {
    let mut text = NumberText::new(text);
    text.sign();
    if matches!(text.peek(), b'i' | b'I' | b'n' | b'N') {
        return ["inf", "infinity", "nan"].iter().any(|word| text.rest.eq_ignore_ascii_case(word));
    }
    let Some(whole) = text.digits(10, |_| ()) else { return false };
    let mut fraction = 0;
    if text.accept(b'.') {
        match text.digits(10, |_| ()) {
            Some(digits) => fraction = digits,
            None => return false,
        }
    }
    if whole + fraction == 0 {
        return false;
    }
    if text.accept(b'e') {
        text.sign();
        if !matches!(text.digits(10, |_| ()), Some(1..)) {
            return false;
        }
    }
    text.at_end()
}

/// `int.from_bytes(bytes.fromhex(text), "little")` of at most four bytes and how many there are. `None` where Python raises
/// `ValueError`, or for more than four bytes. White space between bytes is skipped.
pub(crate) fn little_endian_word(text: &str) -> Option<(u32, u32)> {
    let mut digits = text.bytes();
    let mut word = 0u32;
    let mut count = 0;
    while let Some(high) = digits.find(|&byte| !is_c_space(byte)) {
        let high = (high as char).to_digit(16)?;
        let low = (digits.next()? as char).to_digit(16)?;
        if count == 4 {
            return None;
        }
        word |= (high << 4 | low) << (8 * count);
        count += 1;
    }
    Some((word, count))
}

/// Splits at the first `count` characters, or at the end of a shorter text.
pub(crate) fn split_at_char(text: &str, count: usize) -> (&str, &str) {
    let at = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    text.split_at(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_python_reads_them() {
        for (text, base, expected) in [
            ("10", 0, Some(10)),
            (" \t-0x1F\n", 0, Some(-31)),
            ("0x_1f", 0, Some(31)),
            ("0x_1f", 16, Some(31)),
            ("0x1_f", 0, Some(31)),
            ("0x1__f", 0, None),
            ("0x1f_", 0, None),
            ("_1", 0, None),
            ("0x", 0, None),
            ("0x__1", 16, None),
            ("0b101", 0, Some(5)),
            ("0b101", 16, Some(0xb101)),
            ("0o17", 0, Some(15)),
            ("0o17", 16, None),
            ("012", 0, None),
            ("012", 10, Some(12)),
            ("00_0", 0, Some(0)),
            ("0x10", 10, None),
            ("+5", 10, Some(5)),
            ("+-5", 10, None),
            ("- 5", 10, None),
            ("dead", 16, Some(0xdead)),
            ("", 0, None),
            ("\u{1c}5", 0, None),
            ("\u{a0}5\u{2003}", 0, Some(5)),
            ("\u{661}\u{662}", 0, Some(12)),
            ("\u{ff10}x1", 0, Some(1)),
            ("\u{b2}", 10, None),
            ("5\0", 10, None),
            ("99999999999999999999", 10, Some(i64::MAX)),
        ] {
            assert_eq!(parse_int(text, base), expected, "{text:?} base {base}");
        }
        assert_eq!(parse_int(&"1".repeat(4300), 10), Some(i64::MAX));
        assert_eq!(parse_int(&"1".repeat(4301), 10), None);
        assert_eq!(parse_int(&"1".repeat(4301), 16), Some(i64::MAX));
    }

    #[test]
    fn floats_are_recognised_as_python_does() {
        for text in
            ["1", "1.", ".5", "1e5", "1_0.0_1e+1_0", "-inf", "+Infinity", "NaN", " 2.5 ", "\u{661}.\u{662}"]
        {
            assert!(is_float(text), "{text:?}");
        }
        for text in [
            "",
            ".",
            "e5",
            "1e",
            "1e+",
            "1_",
            "_1",
            "1_.0",
            "1._0",
            "1__0",
            "0x10",
            "in_f",
            "infi",
            "1 2",
            "--1",
            "1\0",
            "\u{131}nf",
            "1_e5",
            "1e_5",
        ] {
            assert!(!is_float(text), "{text:?}");
        }
    }

    #[test]
    fn bytes_are_read_as_fromhex_does() {
        assert_eq!(little_endian_word("fd7bbfa9"), Some((0xa9bf_7bfd, 4)));
        assert_eq!(little_endian_word(" aA bb\tcc"), Some((0x00cc_bbaa, 3)));
        assert_eq!(little_endian_word(""), Some((0, 0)));
        for text in ["a", "a b", "0x", "aabbccddee", "é0"] {
            assert_eq!(little_endian_word(text), None, "{text:?}");
        }
    }

    #[test]
    fn white_space_and_case_follow_python() {
        assert_eq!(strip("\u{1f}\u{85} x\u{3000}\u{200b}"), "x\u{3000}\u{200b}");
        assert_eq!(strip_folded_prefix("\u{17f}XTw #1", "sxtw"), Some(" #1"));
        assert_eq!(strip_folded_prefix("sx", "sxtw"), None);
        assert_eq!(split_at_char("aé?", 2), ("aé", "?"));
        assert_eq!(split_at_char("a", 2), ("a", ""));
    }
}
