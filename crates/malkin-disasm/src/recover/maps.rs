//! Dense maps over the bytes of an image: one bit or one word an address, so that the questions asked for every decoded
//! instruction ("is this byte code already?") cost a load instead of a hash.

/// One bit for every byte of an image.
#[derive(Clone, Debug)]
pub(crate) struct BitMap {
    words: Vec<u64>,
    len: usize,
}

impl BitMap {
    /// `len` cleared bits.
    pub(crate) fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// The bit at `at`; bits outside are clear.
    pub(crate) fn get(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }

    /// Sets a bit; bits outside are ignored.
    pub(crate) fn set(&mut self, at: usize) {
        if at < self.len {
            self.words[at / 64] |= 1 << (at % 64);
        }
    }

    /// Sets `count` bits from `at` on, as far as they exist.
    pub(crate) fn set_range(&mut self, at: usize, count: usize) {
        for bit in at..at.saturating_add(count).min(self.len) {
            self.set(bit);
        }
    }
}

/// Entries of one page.
const PAGE: usize = 1 << 10;

/// One `u32` for every byte of an image, 0 until written. Pages exist once something is written to them, so memory
/// follows the amount of code rather than the size of the image.
#[derive(Clone, Debug)]
pub(crate) struct WordMap {
    pages: Vec<Option<Box<[u32; PAGE]>>>,
    len: usize,
}

impl WordMap {
    /// `len` zero entries.
    pub(crate) fn new(len: usize) -> Self {
        Self { pages: vec![None; len.div_ceil(PAGE)], len }
    }

    /// The entry at `at`; 0 outside.
    pub(crate) fn get(&self, at: usize) -> u32 {
        match self.pages.get(at / PAGE) {
            Some(Some(page)) => page[at % PAGE],
            _ => 0,
        }
    }

    /// The entry at `at` for writing; none outside.
    pub(crate) fn entry(&mut self, at: usize) -> Option<&mut u32> {
        if at >= self.len {
            return None;
        }
        let page = self.pages.get_mut(at / PAGE)?.get_or_insert_with(|| Box::new([0; PAGE]));
        Some(&mut page[at % PAGE])
    }

    /// Writes an entry; entries outside are ignored.
    pub(crate) fn set(&mut self, at: usize, value: u32) {
        if let Some(entry) = self.entry(at) {
            *entry = value;
        }
    }

    /// Calls `visit` for every maximal run `[start, end)` of entries that are not 0, ascending.
    pub(crate) fn runs(&self, mut visit: impl FnMut(usize, usize)) {
        let mut open: Option<usize> = None;
        for (number, page) in self.pages.iter().enumerate() {
            let Some(page) = page else {
                if let Some(start) = open.take() {
                    visit(start, number * PAGE);
                }
                continue;
            };
            for (inside, &entry) in page.iter().enumerate() {
                let at = number * PAGE + inside;
                match (entry != 0, open) {
                    (true, None) => open = Some(at),
                    (false, Some(start)) => {
                        visit(start, at);
                        open = None;
                    }
                    _ => {}
                }
            }
        }
        if let Some(start) = open {
            visit(start, self.len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_outside_are_clear_and_stay_so() {
        let mut map = BitMap::new(65);
        map.set_range(63, 10);
        map.set(1000);
        assert_eq!((0..80).filter(|&at| map.get(at)).collect::<Vec<_>>(), [63, 64]);
        assert!(!map.get(62) && map.get(64));
    }

    #[test]
    fn runs_cross_pages_and_end_with_the_map() {
        let mut map = WordMap::new(PAGE * 3 + 5);
        for at in PAGE - 2..PAGE + 3 {
            map.set(at, 7);
        }
        map.set(PAGE * 3 + 4, 1);
        map.set(PAGE * 9, 1);
        let mut runs = Vec::new();
        map.runs(|start, end| runs.push((start, end)));
        assert_eq!(runs, [(PAGE - 2, PAGE + 3), (PAGE * 3 + 4, PAGE * 3 + 5)]);
        assert_eq!(map.get(PAGE * 9), 0);
    }
}
