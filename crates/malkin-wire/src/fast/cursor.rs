//! A place in a JSON text that moves over the tokens behind it. Whatever is not the token asked for is `None`, after which
//! the place is of no use except to [`Cursor::go_back`] from.

use std::borrow::Cow;

use crate::raw::raw_text;

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
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Offset of the place, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The text from this place, without blanks before it, to another one.
    pub(crate) fn until(&mut self, end: &Self) -> Option<&'a str> {
        self.peek()?;
        self.text.get(self.at..end.at)
    }

    /// Returns to an earlier place.
    pub(crate) fn go_back(&mut self, at: usize) {
        self.at = at;
    }

    /// The first byte of the next token; the place moves to it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        // Every blank of JSON is below or equal to a space, and every byte that begins a token is above: one comparison in the
        // usual case. Other control characters end up as a token that nobody asks for.
        if *bytes.get(self.at)? <= b' ' {
            self.at = behind_space(bytes, self.at);
        }
        bytes.get(self.at).copied()
    }

    /// Whether nothing but white space follows.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Moves over a token of one byte.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "nine times for each instruction; a call takes longer than the work"
    )]
    pub(crate) fn take(&mut self, token: u8) -> Option<()> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&token) {
            self.at = behind_space(bytes, self.at);
            if bytes.get(self.at) != Some(&token) {
                return None;
            }
        }
        self.at += 1;
        Some(())
    }

    /// Moves over `null`, `true` or `false` if it stands here.
    pub(crate) fn takes(&mut self, word: &str) -> bool {
        let found = self.peek().is_some() && self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    /// Moves over an object; `member` has to move over a key, its colon and its value.
    #[inline]
    pub(crate) fn object(&mut self, member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list(b'{', b'}', member)
    }

    /// Moves over an array; `item` has to move over one value.
    #[inline]
    pub(crate) fn array(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
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
            let token = self.peek()?;
            self.at += 1;
            if token == close {
                return Some(());
            }
            if token != b',' {
                return None;
            }
        }
    }

    /// An integer without sign, fraction and exponent (what follows an integer is for the next token to refuse).
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Cursor::take`")]
    pub(crate) fn integer(&mut self) -> Option<u64> {
        self.peek()?;
        let (value, digits) = self.digits()?;
        let has_leading_zero = digits > 1 && self.text.as_bytes()[self.at - digits] == b'0';
        (!has_leading_zero).then_some(value)
    }

    /// A number that is a double exactly or the quotient of two exact doubles.
    pub(crate) fn double(&mut self) -> Option<f64> {
        let is_negative = self.peek()? == b'-';
        self.at += usize::from(is_negative);
        let whole_at = self.at;
        let (mut mantissa, digits) = self.digits()?;
        if digits > 1 && self.text.as_bytes()[whole_at] == b'0' {
            return None;
        }
        // Clinger's fast path: an integer below 2^53 and a power of ten up to 10^22 are exact, and IEEE division rounds once, so the
        // quotient is the nearest double. All other numbers (exponents, many digits) go to the ordinary reader.
        let mut decimals = 0;
        if self.text.as_bytes().get(self.at) == Some(&b'.') {
            self.at += 1;
            let (fraction, digits) = self.digits()?;
            mantissa = mantissa.checked_mul(10_u64.checked_pow(digits as u32)?)?.checked_add(fraction)?;
            decimals = digits;
        // A negative integer is another type in a tree of values than a double; let the ordinary reader decide.
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
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Cursor::take`")]
    fn digits(&mut self) -> Option<(u64, usize)> {
        let mut value = 0_u64;
        for (count, byte) in self.text.as_bytes().get(self.at..)?.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                self.at += count;
                return (count > 0).then_some((value, count));
            }
            if count < SAFE_DIGITS {
                value = value * 10 + u64::from(digit);
            } else {
                value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
            }
        }
        // No object ends with a number.
        None
    }

    /// A key of decimal digits with its colon. Leading zeros are as good as none.
    #[inline]
    pub(crate) fn address_key(&mut self) -> Option<u64> {
        Some(self.address_key_as_written()?.0)
    }

    /// As [`Cursor::address_key`], with whether there is a leading zero.
    #[inline]
    pub(crate) fn address_key_as_written(&mut self) -> Option<(u64, bool)> {
        self.take(b'"')?;
        let start = self.at;
        let (address, digits) = self.digits()?;
        let has_leading_zero = digits > 1 && self.text.as_bytes()[start] == b'0';
        if *self.text.as_bytes().get(self.at)? != b'"' {
            return None;
        }
        self.at += 1;
        self.take(b':')?;
        Some((address, has_leading_zero))
    }

    /// Moves over a key with its colon, given as it is usually written.
    #[inline]
    pub(crate) fn key<const N: usize>(&mut self, key: &[u8; N]) -> Option<()> {
        self.peek()?;
        let found = self.text.as_bytes().get(self.at..)?.first_chunk::<N>()?;
        (found == key).then(|| self.at += N)
    }

    /// A string without escapes.
    pub(crate) fn plain_text(&mut self) -> Option<&'a str> {
        let (_, length) = self.unchecked_text()?;
        let end = self.at - 1;
        self.text.get(end - length..end).filter(|text| is_plain(text.as_bytes()))
    }

    /// What stands between this quote and the next, as the document from there on and the length of it. It is a string if
    /// it [`is_plain`]; the caller has to see to that.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "three times for each instruction; a call takes as long as the work"
    )]
    pub(crate) fn unchecked_text(&mut self) -> Option<(&'a [u8], usize)> {
        self.take(b'"')?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = quote(rest)?;
        self.at += length + 1;
        Some((rest, length))
    }

    /// A string.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<Cow<'a, str>> {
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
    pub(crate) fn pass_tree(&mut self) -> Option<&'a str> {
        matches!(self.peek()?, b'{' | b'[').then_some(())?;
        self.pass()
    }

    /// Moves over a value without a check of its content. Answers its text, which is that of the value if it is well-formed.
    pub(crate) fn pass(&mut self) -> Option<&'a str> {
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
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if rest[length] == b'"' {
                self.at += length + 1;
                return Some(());
            }
            // What is escaped may be a quote.
            self.at += length + 2;
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

/// The first place from `at` on without white space. For itself, so that a cursor can stay in registers.
#[cold]
fn behind_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

const ONES: u64 = u64::MAX / 0xff;
const HIGH_BITS: u64 = ONES << 7;

/// Marks (the highest bit) of the bytes of a word that are zero. The lowest mark is exact: borrows only ever reach bytes
/// above a marked one.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// Offset of the first quote.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as `Cursor::unchecked_text`")]
fn quote(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let marks = zeros(u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'"')));
        if marks != 0 {
            return Some(length + marks.trailing_zeros() as usize / 8);
        }
        length += 8;
        rest = behind;
    }
    rest.iter().position(|byte| *byte == b'"').map(|tail| length + tail)
}

/// Whether text between quotes means itself: no escapes, and no control characters, which JSON forbids there.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators would keep it from looking at many bytes at once"
)]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    // Without an early end, so that it compiles to comparisons of many bytes at once.
    !text.iter().fold(false, |found, byte| found | (*byte == b'\\') | (*byte < 0x20))
}
