//! Working memory of candidate searches, kept by the caller so that a search allocates nothing.

use crate::numbers::SignatureNo;

/// Working memory of candidate searches: four bytes for each distinct signature of the largest reader it was used with.
/// One for each thread; may be used with different snapshots in turn.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For each signature the number of the search that counted it last (upper half) and its count (lower half).
    counts: Vec<u32>,
    search: u16,
    pub(crate) found: Vec<SignatureNo>,
}

impl Scratch {
    /// Empty; grows at first use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a search over signatures numbered below `signatures`.
    pub(crate) fn begin(&mut self, signatures: usize) {
        self.found.clear();
        if self.counts.len() < signatures {
            self.counts.resize(signatures, 0);
        }
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.counts.fill(0);
            self.search = 1;
        }
    }

    /// Counts a signature once more and remembers it when its count reaches `required`.
    pub(crate) fn count(&mut self, signature: u32, required: u16) {
        let Some(slot) = self.counts.get_mut(signature as usize) else {
            return;
        };
        let base = u32::from(self.search) << 16;
        let count = if *slot & 0xffff_0000 == base { (*slot as u16).saturating_add(1) } else { 1 };
        *slot = base | u32::from(count);
        if count == required {
            self.found.push(SignatureNo(signature));
        }
    }
}
