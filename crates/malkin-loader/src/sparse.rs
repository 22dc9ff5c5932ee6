//! Search in an image most of which may be zeros that the file only claims: pages without content are found once and passed over
//! by every search, so that its cost follows the content.

use std::ops::Range;

use memchr::memmem;

/// Bytes that are looked at together.
const PAGE: usize = 4096;
/// Longest text that is searched, in bytes: a match may reach so far into a page of zeros.
pub(crate) const MAX_NEEDLE: usize = 64;

/// Bytes and where they are not all zero.
#[derive(Clone, Debug)]
pub struct Sparse<'a> {
    data: &'a [u8],
    /// Pages with content, joined, ascending; each with the bytes a match may reach into the page behind.
    filled: Vec<Range<usize>>,
}

impl<'a> Sparse<'a> {
    /// Looks at all pages.
    pub fn new(data: &'a [u8]) -> Self {
        let mut filled: Vec<Range<usize>> = Vec::new();
        for (number, page) in data.chunks(PAGE).enumerate() {
            if page.iter().all(|&byte| byte == 0) {
                continue;
            }
            let (start, end) = (number * PAGE, (number * PAGE + page.len() + MAX_NEEDLE).min(data.len()));
            match filled.last_mut() {
                Some(last) if start <= last.end => last.end = end,
                _ => filled.push(start..end),
            }
        }
        Self { data, filled }
    }

    /// The bytes.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The first place of a text from `from` on. The text begins with a byte that is not zero, and has `MAX_NEEDLE` bytes at most.
    pub fn find_from(&self, from: usize, needle: &[u8]) -> Option<usize> {
        debug_assert!(needle.first().is_some_and(|&byte| byte != 0) && needle.len() <= MAX_NEEDLE);
        let first = self.filled.partition_point(|range| range.end <= from);
        self.filled.get(first..)?.iter().find_map(|range| {
            let start = range.start.max(from);
            let found = memmem::find(self.data.get(start..range.end)?, needle)?;
            Some(start + found)
        })
    }

    /// All places of a text, those that do not overlap; see [`Sparse::find_from`].
    pub fn find_iter<'s>(&'s self, needle: &'s [u8]) -> impl Iterator<Item = usize> + 's {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = self.find_from(from, needle)?;
            from = found + needle.len();
            Some(found)
        })
    }

    /// All places of a byte that is not zero.
    pub fn bytes_iter(&self, byte: u8) -> impl Iterator<Item = usize> + '_ {
        self.filled.iter().flat_map(move |range| {
            memchr::memchr_iter(byte, self.data.get(range.clone()).unwrap_or_default())
                .map(|found| range.start + found)
        })
    }

    /// Bytes of the pages with content.
    pub fn len_filled(&self) -> usize {
        self.filled.iter().map(Range::len).sum()
    }
}

/// How many zeros some bytes begin with.
pub(crate) fn leading_zeros(bytes: &[u8]) -> usize {
    let whole = bytes.chunks(PAGE).take_while(|page| page.iter().all(|&byte| byte == 0)).map(<[u8]>::len);
    let start: usize = whole.sum();
    start + bytes.get(start..).unwrap_or_default().iter().take_while(|&&byte| byte == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Zeros with some content.
    fn image(parts: &[(usize, Vec<u8>)]) -> Vec<u8> {
        let mut data = vec![0; 64 * PAGE + 100];
        for (at, part) in parts {
            let at = at % data.len();
            let end = data.len().min(at + part.len());
            data[at..end].copy_from_slice(&part[..end - at]);
        }
        data
    }

    proptest::proptest! {
        #[test]
        fn what_a_plain_search_finds_is_found(
            parts in proptest::collection::vec((0..64 * PAGE, proptest::collection::vec(0_u8..3, 1..40)), 0..8),
            needle in proptest::collection::vec(0_u8..3, 0..3), from in 0..64 * PAGE,
        ) {
            let data = image(&parts);
            let sparse = Sparse::new(&data);
            let needle = [&[1][..], &needle].concat();
            let plain: Vec<usize> = memmem::find_iter(&data, &needle).collect();
            proptest::prop_assert_eq!(sparse.find_iter(&needle).collect::<Vec<_>>(), plain);
            let next = memmem::find(&data[from..], &needle).map(|at| at + from);
            proptest::prop_assert_eq!(sparse.find_from(from, &needle), next);
            let bytes: Vec<usize> = memchr::memchr_iter(2, &data).collect();
            proptest::prop_assert_eq!(sparse.bytes_iter(2).collect::<Vec<_>>(), bytes);
            let zeros = data[from..].iter().take_while(|&&byte| byte == 0).count();
            proptest::prop_assert_eq!(leading_zeros(&data[from..]), zeros);
        }
    }

    #[test]
    fn claimed_zeros_are_passed_over() {
        let mut data = vec![0; 64 << 20];
        data[5 * PAGE + 4094..5 * PAGE + 4099].copy_from_slice(b"\x01\x02\x03\x04\x05");
        let sparse = Sparse::new(&data);
        assert!(sparse.len_filled() <= 2 * PAGE + MAX_NEEDLE, "{}", sparse.len_filled());
        assert_eq!(sparse.find_from(0, b"\x02\x03\x04\x05\0\0"), Some(5 * PAGE + 4095));
    }
}
