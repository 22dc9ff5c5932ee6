//! A place in a JSON text that moves over the tokens behind it. Whatever is not the token asked for is `None`, after which
//! the place is of no use except to [`Cursor::go_back`] from.

use std::borrow::Cow;

use crate::wire::raw::raw_text;

/// How deep values may nest that are passed over. Well below the limit of the ordinary readers (128 from the top of the
/// document), which need not be hit at the same depth when they are given a part of it.
const MAX_DEPTH: usize = 64;

/// Digits of an integer that always fit into 64 bits.
const SAFE_DIGITS: usize = 19;

/// Integers and powers of ten up to these are doubles exactly, so that one division rounds as correctly as any parser.
const EXACT_INTEGER: u64 = 1 << 53;
const EXACT_POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Offset of the place, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Returns to an earlier place.
    pub(super) fn go_back(&mut self, at: usize) {
        self.at = at;
    }

    /// The first byte of the next token; the place moves to it.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Whether nothing but white space follows.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Moves over a token of one byte.
    #[inline]
    pub(super) fn take(&mut self, token: u8) -> Option<()> {
        if self.peek()? != token {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// Moves over `null`, `true` or `false` if it stands here.
    pub(super) fn takes(&mut self, word: &str) -> bool {
        let found = self.peek().is_some() && self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    /// Moves over an object; `member` has to move over a key, its colon and its value.
    #[inline]
    pub(super) fn object(&mut self, member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list(b'{', b'}', member)
    }

    /// Moves over an array; `item` has to move over one value.
    #[inline]
    pub(super) fn array(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list(b'[', b']', item)
    }

    #[inline]
    fn list(&mut self, open: u8, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(open)?;
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            item(self)?;
            let byte = self.peek()?;
            self.at += 1;
            if byte == close {
                return Some(());
            }
            if byte != b',' {
                return None;
            }
        }
    }

    /// An integer without sign, fraction and exponent (what follows an integer is for the next token to refuse).
    #[inline]
    pub(super) fn integer(&mut self) -> Option<u64> {
        self.peek()?;
        let (value, digits) = self.digits()?;
        let has_leading_zero = digits > 1 && self.text.as_bytes()[self.at - digits] == b'0';
        (!has_leading_zero).then_some(value)
    }

    /// A number that is a double exactly or the quotient of two exact doubles.
    pub(super) fn double(&mut self) -> Option<f64> {
        let is_negative = self.peek()? == b'-';
        self.at += usize::from(is_negative);
        let whole_at = self.at;
        let (mut mantissa, digits) = self.digits()?;
        if digits > 1 && self.text.as_bytes()[whole_at] == b'0' {
            return None;
        }
        let mut decimals = 0;
        if self.text.as_bytes().get(self.at) == Some(&b'.') {
            self.at += 1;
            let (fraction, digits) = self.digits()?;
            mantissa = mantissa.checked_mul(10_u64.checked_pow(digits as u32)?)?.checked_add(fraction)?;
            decimals = digits;
        } else if is_negative {
            return None;
        }
        if mantissa >= EXACT_INTEGER {
            return None;
        }
        let magnitude = mantissa as f64 / EXACT_POWERS.get(decimals)?;
        Some(if is_negative { -magnitude } else { magnitude })
    }

    /// Digits that stand here: their value and number. At least one, and no more than 64 bits.
    #[inline]
    fn digits(&mut self) -> Option<(u64, usize)> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let mut value = 0_u64;
        let mut count = 0;
        while let Some(digit) = rest.get(count).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            value = if count < SAFE_DIGITS {
                value * 10 + u64::from(digit)
            } else {
                value.checked_mul(10)?.checked_add(u64::from(digit))?
            };
            count += 1;
        }
        self.at += count;
        (count > 0).then_some((value, count))
    }

    /// A key of decimal digits with its colon.
    #[inline]
    pub(super) fn address_key(&mut self) -> Option<u64> {
        self.take(b'"')?;
        let (address, digits) = self.digits()?;
        if digits > SAFE_DIGITS || *self.text.as_bytes().get(self.at)? != b'"' {
            return None;
        }
        self.at += 1;
        self.take(b':')?;
        Some(address)
    }

    /// A string without escapes.
    #[inline]
    pub(super) fn plain_text(&mut self) -> Option<&'a str> {
        let (text, length) = self.beginning()?;
        text.get(..length)
    }

    /// A string without escapes, as the document from its content on and the length of that.
    #[inline]
    pub(super) fn beginning(&mut self) -> Option<(&'a str, usize)> {
        self.take(b'"')?;
        let rest = self.text.get(self.at..)?;
        let length = special(rest.as_bytes())?;
        self.at += length + 1;
        (rest.as_bytes()[length] == b'"').then_some((rest, length))
    }

    /// A string.
    #[inline]
    pub(super) fn text(&mut self) -> Option<Cow<'a, str>> {
        self.peek()?;
        let start = self.at;
        match self.plain_text() {
            Some(text) => Some(Cow::Borrowed(text)),
            None => self.escaped_text(start),
        }
    }

    #[cold]
    fn escaped_text(&mut self, start: usize) -> Option<Cow<'a, str>> {
        self.at = start;
        self.pass_text()?;
        raw_text(self.text.get(start..self.at)?).ok()
    }

    /// Moves over an object or array without a check of its content. Answers its text.
    pub(super) fn pass_tree(&mut self) -> Option<&'a str> {
        matches!(self.peek()?, b'{' | b'[').then_some(())?;
        self.pass()
    }

    /// Moves over a value without a check of its content. Answers its text, which is that of the value if it is well-formed.
    pub(super) fn pass(&mut self) -> Option<&'a str> {
        self.peek()?;
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => self.pass_text()?,
                b'{' | b'[' => {
                    self.at += 1;
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return None;
                    }
                }
                b'}' | b']' => {
                    self.at += 1;
                    depth = depth.checked_sub(1)?;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                _ => self.pass_word()?,
            }
            if depth == 0 {
                return self.text.get(start..self.at);
            }
        }
    }

    fn pass_text(&mut self) -> Option<()> {
        self.take(b'"')?;
        let bytes = self.text.as_bytes();
        loop {
            let end = self.at + special(bytes.get(self.at..)?)?;
            match bytes[end] {
                b'"' => {
                    self.at = end + 1;
                    return Some(());
                }
                b'\\' => self.at = end + 2,
                _ => return None,
            }
        }
    }

    /// Numbers and the words of JSON.
    fn pass_word(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        self.at += length;
        (length > 0).then_some(())
    }
}

const ONES: u64 = u64::MAX / 0xff;
const HIGH_BITS: u64 = ONES << 7;

/// Length of the run of plain text: up to the first quote, backslash or control character.
#[inline]
fn special(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        // The lowest mark is exact: borrows only ever reach bytes above a marked one.
        let equal = |byte: u8| {
            let zero = word ^ (ONES * u64::from(byte));
            zero.wrapping_sub(ONES) & !zero
        };
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let marks = (equal(b'"') | equal(b'\\') | control) & HIGH_BITS;
        if marks != 0 {
            return Some(length + marks.trailing_zeros() as usize / 8);
        }
        length += 8;
        rest = behind;
    }
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).map(|tail| length + tail)
}
