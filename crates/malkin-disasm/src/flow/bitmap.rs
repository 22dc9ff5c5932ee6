//! Dense maps over the bytes of an image: one bit or one word an address, so that the questions asked for every decoded
//! instruction ("is this byte code already?") cost a load instead of a hash.

/// One bit for every byte of an image.
#[derive(Clone, Debug)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
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

    /// Whether any of the `count` bits from `at` on is set; at most 64 bits.
    pub(crate) fn any(&self, at: usize, count: usize) -> bool {
        let wanted = if count >= 64 { u64::MAX } else { (1u64 << count) - 1 };
        let shift = at % 64;
        let low = self.words.get(at / 64).is_some_and(|word| word >> shift & wanted != 0);
        let spill =
            shift != 0 && self.words.get(at / 64 + 1).is_some_and(|word| word << (64 - shift) & wanted != 0);
        low || spill
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

    /// Applies a change to `count` entries from `at` on; entries outside are ignored.
    pub(crate) fn update(&mut self, at: usize, count: usize, change: impl Fn(&mut u32)) {
        let inside = at % PAGE;
        if at + count <= self.len && inside + count <= PAGE && count > 0 {
            let page = self.pages[at / PAGE].get_or_insert_with(|| Box::new([0; PAGE]));
            page[inside..inside + count].iter_mut().for_each(change);
        } else {
            for at in at..at.saturating_add(count).min(self.len) {
                self.entry(at).into_iter().for_each(&change);
            }
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
        let mut map = Bitmap::new(65);
        map.set_range(63, 10);
        map.set(1000);
        assert_eq!((0..80).filter(|&at| map.get(at)).collect::<Vec<_>>(), [63, 64]);
        assert!(!map.get(62) && map.get(64));
        assert!(map.any(60, 4) && !map.any(60, 3) && map.any(64, 1) && !map.any(65, 64));
    }

    #[test]
    fn runs_cross_pages_and_end_with_the_map() {
        let mut map = WordMap::new(PAGE * 3 + 5);
        map.update(PAGE - 2, 5, |entry| *entry = 7);
        map.update(PAGE * 3 + 4, 2, |entry| *entry = 1);
        map.update(PAGE * 9, 1, |entry| *entry = 1);
        let mut runs = Vec::new();
        map.runs(|start, end| runs.push((start, end)));
        assert_eq!(runs, [(PAGE - 2, PAGE + 3), (PAGE * 3 + 4, PAGE * 3 + 5)]);
        assert_eq!(map.get(PAGE * 9), 0);
    }
}
