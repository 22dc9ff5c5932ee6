//! One band of a segment: which distinct signatures have which band key.
//!
//! Pairs of key and signature sorted by key, as two arrays, with a directory over the leading bits of the key in front. The
//! median key occurs once (measured on real collections), so a list for each key would cost more than the keys themselves.

/// Signatures a directory entry covers on average, as a power of two: 8 keys are half a cache line.
const BUCKET_BITS: u32 = 3;
/// No directory is larger than 2^24 entries.
const MAX_DIRECTORY_BITS: u32 = 24;

#[derive(Debug)]
pub(crate) struct BandTable {
    keys: Vec<u32>,
    signatures: Vec<u32>,
    /// Where the keys with a given value of their leading bits start; one entry more than such values.
    directory: Vec<u32>,
    directory_bits: u32,
}

/// A pair in the form that sorts as it shall be stored.
pub(crate) fn pack(key: u32, signature: u32) -> u64 {
    u64::from(key) << 32 | u64::from(signature)
}

impl BandTable {
    /// From pairs made by [`pack`], in ascending order, fewer than 2^32.
    pub(crate) fn from_sorted(pairs: &[u64]) -> Self {
        debug_assert!(pairs.is_sorted());
        let directory_bits = (pairs.len() | 1).ilog2().saturating_sub(BUCKET_BITS).min(MAX_DIRECTORY_BITS);
        let keys: Vec<u32> = pairs.iter().map(|pair| (pair >> 32) as u32).collect();
        let signatures = pairs.iter().map(|pair| *pair as u32).collect();
        let mut directory = vec![0; (1 << directory_bits) + 1];
        for key in &keys {
            directory[bucket(*key, directory_bits) + 1] += 1;
        }
        for at in 1..directory.len() {
            directory[at] += directory[at - 1];
        }
        Self { keys, signatures, directory, directory_bits }
    }

    /// Signatures with a key, in ascending order.
    pub(crate) fn get(&self, key: u32) -> &[u32] {
        let bucket = bucket(key, self.directory_bits);
        let (from, to) = (self.directory[bucket] as usize, self.directory[bucket + 1] as usize);
        let keys = &self.keys[from..to];
        let first = keys.partition_point(|other| *other < key);
        let count = keys[first..].partition_point(|other| *other == key);
        &self.signatures[from + first..from + first + count]
    }

    /// All pairs in ascending order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.keys.iter().copied().zip(self.signatures.iter().copied())
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.keys.capacity() + self.signatures.capacity() + self.directory.capacity()) * size_of::<u32>()
    }
}

/// The directory entry of a key. With 0 bits there is one.
fn bucket(key: u32, directory_bits: u32) -> usize {
    (u64::from(key) >> (32 - directory_bits)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pairs: &[(u32, u32)]) -> BandTable {
        let mut packed: Vec<u64> = pairs.iter().map(|(key, signature)| pack(*key, *signature)).collect();
        packed.sort_unstable();
        BandTable::from_sorted(&packed)
    }

    #[test]
    fn an_empty_band_answers_nothing() {
        assert!(table(&[]).get(0).is_empty());
        assert!(table(&[]).get(u32::MAX).is_empty());
    }

    #[test]
    fn keys_at_both_ends_and_repeated_ones_are_found() {
        let mut pairs = vec![(0, 7), (u32::MAX, 9), (u32::MAX, 1), (5, 3)];
        pairs.extend((0..1000).map(|n| (n * 4_294_967, n + 10)));
        let band = table(&pairs);
        assert_eq!(band.get(0), [7, 10]);
        assert_eq!(band.get(u32::MAX), [1, 9]);
        assert_eq!(band.get(5), [3]);
        assert_eq!(band.get(4_294_967), [11]);
        assert!(band.get(6).is_empty());
        assert_eq!(band.pairs().count(), pairs.len());
    }
}
