//! Where 64-bit hashes occur: sorted distinct hashes, each with a list.

#[derive(Debug)]
pub(crate) struct HashPostings<T> {
    hashes: Vec<u64>,
    /// Where the list of each hash starts; one entry more than hashes.
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Ord> HashPostings<T> {
    /// From pairs in ascending order without repetitions, fewer than 2^32.
    pub(crate) fn from_sorted(pairs: &[(u64, T)]) -> Self {
        debug_assert!(pairs.is_sorted_by(|a, b| a < b));
        let distinct = pairs.chunk_by(|a, b| a.0 == b.0).count();
        let (mut hashes, mut starts) = (Vec::with_capacity(distinct), Vec::with_capacity(distinct + 1));
        for (at, (hash, _)) in pairs.iter().enumerate() {
            if hashes.last() != Some(hash) {
                hashes.push(*hash);
                starts.push(at as u32);
            }
        }
        starts.push(pairs.len() as u32);
        Self { hashes, starts, items: pairs.iter().map(|(_, item)| *item).collect() }
    }

    /// The list of a hash, ascending.
    pub(crate) fn get(&self, hash: u64) -> &[T] {
        match self.hashes.binary_search(&hash) {
            Ok(at) => &self.items[self.starts[at] as usize..self.starts[at + 1] as usize],
            Err(_) => &[],
        }
    }

    /// Number of distinct hashes.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Number of items in all lists.
    pub(crate) fn num_items(&self) -> usize {
        self.items.len()
    }

    /// All pairs in ascending order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u64, T)> {
        self.hashes.iter().zip(self.starts.windows(2)).flat_map(|(hash, bounds)| {
            self.items[bounds[0] as usize..bounds[1] as usize].iter().map(|item| (*hash, *item))
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.hashes.capacity() * size_of::<u64>()
            + self.starts.capacity() * size_of::<u32>()
            + self.items.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_by_their_hash() {
        let pairs = [(0, 4), (7, 1), (7, 2), (u64::MAX, 0)];
        let postings = HashPostings::from_sorted(&pairs);
        assert_eq!(postings.get(0), [4]);
        assert_eq!(postings.get(7), [1, 2]);
        assert_eq!(postings.get(u64::MAX), [0]);
        assert!(postings.get(8).is_empty());
        assert_eq!(postings.pairs().collect::<Vec<_>>(), pairs);
        assert_eq!((postings.len(), postings.num_items()), (3, 4));
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        assert!(HashPostings::<u32>::from_sorted(&[]).get(0).is_empty());
    }
}
