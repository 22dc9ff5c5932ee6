//! Arrays of integers in as few whole bytes each as the largest of them needs.
//!
//! Reading is total: a position outside of the array answers some number, never a panic. Whoever follows such a number checks
//! it against the next array in the same way, so that a damaged image can give wrong answers but cannot end the process.

/// Bytes after every image, so that each number can be read with one eight-byte load.
pub(crate) const PADDING: usize = 8;

/// Bytes that numbers up to `max` need: 1 to 8.
pub(crate) fn width_of(max: u64) -> usize {
    (max | 1).ilog2() as usize / 8 + 1
}

/// A packed array inside an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed<'a> {
    /// From the first number to the end of the image, which lies at least [`PADDING`] after the last number.
    bytes: &'a [u8],
    width: usize,
    len: usize,
}

impl<'a> Packed<'a> {
    /// `len` numbers of `width` bytes each, at the start of `bytes`. An array that is not wholly there is empty.
    pub(crate) fn new(bytes: &'a [u8], width: usize, len: usize) -> Self {
        let fits = (1..=8).contains(&width)
            && len.checked_mul(width).is_some_and(|end| end + PADDING <= bytes.len());
        Self { bytes, width: if fits { width } else { 1 }, len: if fits { len } else { 0 } }
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number at a position.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> u64 {
        let from = at.wrapping_mul(self.width);
        match self.bytes.get(from..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(bytes) => u64::from_le_bytes(*bytes) & (u64::MAX >> (64 - 8 * self.width as u32)),
            None => 0,
        }
    }

    /// The number at a position of an array of numbers below 2^32.
    #[inline]
    pub(crate) fn get32(&self, at: usize) -> u32 {
        self.get(at) as u32
    }

    /// Two neighbours as a range, clipped to `end`.
    #[inline]
    pub(crate) fn range(&self, at: usize, end: usize) -> std::ops::Range<usize> {
        let to = (self.get(at + 1) as usize).min(end);
        (self.get(at) as usize).min(to)..to
    }

    /// Whether the numbers ascend (equal ones allowed) and none is beyond `end`.
    pub(crate) fn ascends_within(&self, end: usize) -> bool {
        let numbers = self.slice(0..self.len);
        numbers.is_sorted() && self.len.checked_sub(1).is_none_or(|last| self.get(last) <= end as u64)
    }

    /// The numbers of a range of positions.
    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = u64> + use<'a> {
        let array = *self;
        let to = range.end.min(self.len);
        (range.start.min(to)..to).map(move |at| array.get(at))
    }
}

/// Appends numbers, each in `width` bytes.
pub(crate) fn append(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u64>, width: usize) -> usize {
    let mut count = 0;
    for number in numbers {
        debug_assert!(width_of(number) <= width);
        out.extend_from_slice(&number.to_le_bytes()[..width]);
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_read(numbers in prop::collection::vec(any::<u64>(), 0..50), bits in 1_u32..=64) {
            let numbers: Vec<u64> = numbers.into_iter().map(|number| number >> (64 - bits)).collect();
            let width = width_of(numbers.iter().copied().max().unwrap_or(0));
            prop_assert!(width <= bits.div_ceil(8) as usize);
            let mut bytes = Vec::new();
            prop_assert_eq!(append(&mut bytes, numbers.iter().copied(), width), numbers.len());
            bytes.extend([0xff; PADDING]);
            let packed = Packed::new(&bytes, width, numbers.len());
            prop_assert_eq!(packed.slice(0..packed.len()).collect::<Vec<_>>(), numbers);
        }

        #[test]
        fn no_position_panics(bytes in prop::collection::vec(any::<u8>(), 0..40), width: usize, len: usize, at: usize) {
            let packed = Packed::new(&bytes, width, len);
            packed.get(at);
            prop_assert!(packed.range(at.min(usize::MAX - 1), 7).end <= 7);
        }
    }

    #[test]
    fn widths_are_those_of_the_largest_number() {
        assert_eq!([0, 255, 256, 65535, 65536, u64::MAX].map(width_of), [1, 1, 2, 2, 3, 8]);
    }
}
