//! Contents of parts of a file: entropy and hashes, within a bound that follows the size of the file.
//!
//! Tables of a file may state thousands of parts that lie over one another. What was measured once is remembered, and all that is
//! measured beyond it counts.

use std::collections::HashMap;

use malkin_report::Budget;

use crate::entropy::{entropy, round};
use crate::hashes::{md5_hex, sha256_hex};

/// Bytes of parts that are measured, as a multiple of the file, and what is always allowed. Parts of a real file lie side by side;
/// sections and resources together are twice its size.
const MAX_RATIO: u64 = 8;
const FREE: u64 = 1 << 20;

/// What a part of a file holds.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Measured {
    /// Bits a byte, to two places.
    pub(crate) entropy: f64,
    /// Hexadecimal; empty if not measured.
    pub(crate) md5: String,
    /// See [`Measured::md5`].
    pub(crate) sha256: String,
}

/// Measures parts of one file.
pub(crate) struct Parts<'a, 'b> {
    bytes: &'a [u8],
    budget: &'b Budget<'b>,
    left: u64,
    known: HashMap<(usize, usize), Measured>,
    /// Parts that were left out.
    pub(crate) left_out: usize,
}

impl<'a, 'b> Parts<'a, 'b> {
    pub(crate) fn new(bytes: &'a [u8], budget: &'b Budget<'b>) -> Self {
        let left = FREE.saturating_add((bytes.len() as u64).saturating_mul(MAX_RATIO));
        Self { bytes, budget, left, known: HashMap::new(), left_out: 0 }
    }

    /// The budget of the examination.
    pub(crate) fn budget(&self) -> &'b Budget<'b> {
        self.budget
    }

    /// Whether so many bytes may be looked at; they count.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        match self.left.checked_sub(bytes) {
            Some(left) if self.budget.work(bytes) => {
                self.left = left;
                true
            }
            _ => {
                self.left_out += 1;
                false
            }
        }
    }

    /// Entropy of a part, 0 if it is left out.
    pub(crate) fn entropy(&mut self, part: &[u8]) -> f64 {
        if let Some(known) = self.known.get(&self.key(part)) {
            return known.entropy;
        }
        if self.take(part.len()) { round(entropy(part)) } else { 0.0 }
    }

    /// Entropy and hashes of a part; nothing if it is left out.
    pub(crate) fn measure(&mut self, part: &[u8]) -> Measured {
        let key = self.key(part);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if !self.take(part.len()) {
            return Measured::default();
        }
        let measured =
            Measured { entropy: round(entropy(part)), md5: md5_hex(part), sha256: sha256_hex(part) };
        self.known.insert(key, measured.clone());
        measured
    }

    /// Names in `unread` that parts of a table were left out, if some were.
    pub(crate) fn report(&self, table: &str, unread: &mut Vec<String>) {
        if self.left_out > 0 {
            let cause = self
                .budget
                .ended()
                .map_or_else(|| "they lie over one another".to_owned(), |ended| ended.to_string());
            unread.push(format!("{table}: the content of {} parts is not measured: {cause}", self.left_out));
        }
    }

    /// Where a part begins and how long it is; an empty one is the same everywhere.
    fn key(&self, part: &[u8]) -> (usize, usize) {
        if part.is_empty() {
            return (0, 0);
        }
        ((part.as_ptr() as usize).wrapping_sub(self.bytes.as_ptr() as usize), part.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_over_one_another_are_measured_as_far_as_the_bound_goes() {
        let bytes = vec![7; 1 << 20];
        let budget = Budget::unlimited();
        let mut parts = Parts::new(&bytes, &budget);
        let whole = parts.measure(&bytes);
        for _ in 0..1000 {
            assert_eq!(parts.measure(&bytes), whole);
        }
        assert_eq!((parts.left_out, budget.used()), (0, 1 << 20), "what is known costs nothing");
        let measured = (1..1000).filter(|&from| !parts.measure(&bytes[from..]).md5.is_empty()).count();
        assert_eq!(measured, MAX_RATIO as usize);
        assert_eq!(parts.left_out, 999 - measured);
        assert!(budget.used() <= 10 << 20);
    }
}
