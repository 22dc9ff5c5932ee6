//! Splitting of input into named pieces. 0xff separates texts, since it occurs in none; so a seed reads like what it stands for.

use std::borrow::Cow;

/// Separates texts.
const SEPARATOR: u8 = 0xff;

/// Input that is taken piece by piece. Behind the end there are zeros and empty texts.
pub(crate) struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// Bytes up to the next separator.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| *byte == SEPARATOR).unwrap_or(self.rest.len());
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        piece
    }

    /// Text up to the next separator; what is not UTF-8 in it is replaced.
    pub(crate) fn text(&mut self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes())
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}
