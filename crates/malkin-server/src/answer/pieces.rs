//! An answer that is made piece by piece, as handlers hand it over. How the pieces are made and sent is in `stream`.

use super::Answer;

/// An answer in pieces.
pub(crate) trait Pieces: Send + 'static {
    /// Appends the next piece, some hundred kilobytes as a rule; false if it was the last one. The error is what a client is
    /// answered when the first piece fails.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Answer>;

    /// Bytes that this value holds between pieces, beyond a few kilobytes.
    fn held(&self) -> usize {
        0
    }

    /// Bytes of all pieces together, where that is known.
    fn size(&self) -> Option<u64> {
        None
    }
}

/// Pieces that a function makes.
pub(crate) struct FromFn<F>(pub(crate) F);

impl<F: FnMut(&mut Vec<u8>) -> Result<bool, Answer> + Send + 'static> Pieces for FromFn<F> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Answer> {
        (self.0)(out)
    }
}

/// Pieces between a beginning and an end.
pub(crate) struct Framed<P> {
    /// Before the first piece; empty from then on.
    pub(crate) head: Vec<u8>,
    /// The pieces.
    pub(crate) pieces: P,
    /// What follows the last one.
    pub(crate) tail: Vec<u8>,
}

impl<P: Pieces> Pieces for Framed<P> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Answer> {
        out.append(&mut self.head);
        let more = self.pieces.next(out)?;
        if !more {
            out.append(&mut self.tail);
        }
        Ok(more)
    }

    fn held(&self) -> usize {
        self.pieces.held() + self.tail.len()
    }

    fn size(&self) -> Option<u64> {
        Some(self.pieces.size()? + (self.head.len() + self.tail.len()) as u64)
    }
}
