//! One band of a segment: which distinct signatures have which band key.
//!
//! Pairs of key and signature sorted by key, as two arrays, with a directory over the leading bits of the key in front. The
//! median key occurs once (measured on real collections), so a list for each key would cost more than the keys themselves.

use std::ops::Range;

use super::buckets::Split;
use super::equal_range;
use super::packed::Packed;

/// See the head of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BandTable<'a> {
    split: Split,
    buckets: Packed<'a>,
    rests: Packed<'a>,
    signatures: Packed<'a>,
}

/// A pair in the form that sorts as it shall be stored.
pub(super) fn pack(key: u32, signature: u32) -> u64 {
    u64::from(key) << 32 | u64::from(signature)
}

impl<'a> BandTable<'a> {
    pub(super) fn new(split: Split, [buckets, rests, signatures]: [Packed<'a>; 3]) -> Self {
        Self { split, buckets, rests, signatures }
    }

    /// First step of a look-up: where keys with the same leading bits stand. A look-up of several bands takes each step for all
    /// of them before the next, because every step waits for memory and the waits then overlap.
    #[inline]
    pub(crate) fn bucket(self, key: u32) -> Range<usize> {
        self.buckets.range(self.split.bucket(u64::from(key)), self.rests.len())
    }

    /// Second step: where the key stands in its bucket.
    #[inline]
    pub(crate) fn within(self, bucket: Range<usize>, key: u32) -> Range<usize> {
        equal_range(bucket, self.split.rest(u64::from(key)), |at| self.rests.get(at))
    }

    /// Last step: the signatures, in ascending order.
    #[inline]
    pub(crate) fn signatures(self, equal: Range<usize>) -> impl Iterator<Item = u32> + use<'a> {
        self.signatures.slice(equal).map(|signature| signature as u32)
    }

    /// All pairs in ascending order.
    pub(super) fn pairs(self) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        (0..self.split.buckets()).flat_map(move |bucket| {
            self.buckets.range(bucket, self.rests.len()).map(move |at| {
                (self.split.join(bucket, self.rests.get(at)) as u32, self.signatures.get32(at))
            })
        })
    }
}
