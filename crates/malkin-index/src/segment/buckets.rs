//! Sorted keys found through their leading bits.
//!
//! Keys are hashes and so spread evenly: a directory over their leading bits, with about eight keys to an entry, leads to the
//! place in two steps, and the bits it is indexed by need not be stored with the keys.

/// Keys an entry of a directory covers on average, as a power of two: eight keys are half a cache line.
const KEYS_PER_BUCKET_BITS: u32 = 3;
/// No directory has more than 2^24 entries.
pub(crate) const MAX_BITS: u32 = 24;

/// How keys of `key_bits` bits are divided among 2^`bits` buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Split {
    key_bits: u32,
    bits: u32,
}

impl Split {
    /// For about `keys` keys of `key_bits` (at most 64) bits.
    pub(crate) fn for_keys(keys: usize, key_bits: u32) -> Self {
        let bits = (keys | 1).ilog2().saturating_sub(KEYS_PER_BUCKET_BITS).min(MAX_BITS);
        Self { key_bits, bits: bits.min(key_bits) }
    }

    /// As stored in an image; None if there are more bits than a directory or a key has.
    pub(crate) fn stored(bits: u32, key_bits: u32) -> Option<Self> {
        (bits <= MAX_BITS && bits <= key_bits).then_some(Self { key_bits, bits })
    }

    /// Number of leading bits that name the bucket.
    pub(crate) fn bits(self) -> u32 {
        self.bits
    }

    /// Number of buckets.
    pub(crate) fn buckets(self) -> usize {
        1 << self.bits
    }

    /// The bucket of a key.
    #[inline]
    pub(crate) fn bucket(self, key: u64) -> usize {
        key.checked_shr(self.key_bits - self.bits).unwrap_or(0) as usize
    }

    /// The part of a key that its bucket does not determine.
    #[inline]
    pub(crate) fn rest(self, key: u64) -> u64 {
        key & self.rest_mask()
    }

    /// The key again.
    pub(crate) fn join(self, bucket: usize, rest: u64) -> u64 {
        (bucket as u64).checked_shl(self.key_bits - self.bits).unwrap_or(0) | rest
    }

    /// The largest rest.
    pub(crate) fn rest_mask(self) -> u64 {
        match self.key_bits - self.bits {
            0 => 0,
            bits => u64::MAX >> (64 - bits),
        }
    }
}

/// Gathers the starts of buckets while keys pass in ascending order.
#[derive(Debug)]
pub(crate) struct Starts {
    split: Split,
    starts: Vec<u64>,
}

impl Starts {
    pub(crate) fn new(split: Split) -> Self {
        Self { split, starts: Vec::with_capacity(split.buckets() + 1) }
    }

    /// A key that stands at `position`, or more than one list, each with its own [`Starts`].
    #[inline]
    pub(crate) fn key(&mut self, key: u64, position: usize) {
        let bucket = self.split.bucket(key);
        while self.starts.len() <= bucket {
            self.starts.push(position as u64);
        }
    }

    /// The starts, one more than buckets, with the end of everything.
    pub(crate) fn finish(mut self, end: usize) -> Vec<u64> {
        self.starts.resize(self.split.buckets() + 1, end as u64);
        self.starts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_divided_and_joined(mut keys in prop::collection::vec(any::<u64>(), 1..200), key_bits in 1_u32..=64, many in 0_usize..1 << 30) {
            for key in &mut keys {
                *key >>= 64 - key_bits;
            }
            keys.sort_unstable();
            let split = Split::for_keys(if many % 2 == 0 { keys.len() } else { many % 5000 }, key_bits);
            let mut starts = Starts::new(split);
            for (at, key) in keys.iter().enumerate() {
                prop_assert_eq!(split.join(split.bucket(*key), split.rest(*key)), *key);
                prop_assert!(split.bucket(*key) < split.buckets());
                starts.key(*key, at);
            }
            let starts = starts.finish(keys.len());
            prop_assert_eq!(starts.len(), split.buckets() + 1);
            for (at, key) in keys.iter().enumerate() {
                let bucket = split.bucket(*key);
                prop_assert!((starts[bucket] as usize..starts[bucket + 1] as usize).contains(&at));
            }
        }
    }
}
