//! Extents that a PE declares in its exception directory, and which of them an address lies in.
//!
//! A table may state a million extents over one another, and the question is asked for most candidates: it is answered in steps
//! that grow with the logarithm of their number.

use malkin_loader::Image;

/// Declared extent of a function or of a part of one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Extent {
    /// First address.
    pub(crate) begin: u64,
    /// First address behind.
    pub(crate) end: u64,
    /// Whether it continues another one.
    pub(crate) chained: bool,
}

/// All trusted extents of an image.
#[derive(Debug)]
pub(crate) struct Extents {
    /// Sorted.
    rows: Vec<Extent>,
    /// The highest ends, of all and of those that continue another one.
    ends: Highest,
    chained_ends: Highest,
}

impl Extents {
    pub(crate) fn new(image: &Image) -> Self {
        let records = image.exception_records.iter().filter(|record| record.trusted);
        let rows = records
            .map(|record| Extent { begin: record.begin, end: record.end, chained: record.chained })
            .collect();
        Self::of(rows)
    }

    fn of(mut rows: Vec<Extent>) -> Self {
        rows.sort_unstable();
        let ends = Highest::new(rows.iter().map(|row| row.end));
        let chained_ends = Highest::new(rows.iter().map(|row| if row.chained { row.end } else { 0 }));
        Self { rows, ends, chained_ends }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The last extent an address lies in: behind its begin, or at it if it is a continuation.
    pub(crate) fn at(&self, address: u64) -> Option<Extent> {
        let (behind, upto) = (
            self.rows.partition_point(|row| row.begin < address),
            self.rows.partition_point(|row| row.begin <= address),
        );
        let found = self.chained_ends.last_above(behind..upto, address);
        let found = found.or_else(|| self.ends.last_above(0..behind, address))?;
        self.rows.get(found).copied()
    }
}

/// Numbers in an order, with the highest of every stretch whose length is a power of two.
#[derive(Debug)]
struct Highest {
    /// A binary tree: node 1 is the root, leaves begin at `leaves`.
    nodes: Vec<u64>,
    leaves: usize,
}

impl Highest {
    fn new(numbers: impl ExactSizeIterator<Item = u64>) -> Self {
        let leaves = numbers.len().next_power_of_two();
        let mut nodes = vec![0; 2 * leaves];
        for (at, number) in numbers.enumerate() {
            nodes[leaves + at] = number;
        }
        for node in (1..leaves).rev() {
            nodes[node] = nodes[2 * node].max(nodes[2 * node + 1]);
        }
        Self { nodes, leaves }
    }

    /// The last place in a range whose number is above a limit.
    fn last_above(&self, range: std::ops::Range<usize>, limit: u64) -> Option<usize> {
        let (mut from, mut to) = (range.start + self.leaves, range.end + self.leaves);
        // Stretches that make up the range: those met from its end are in order, those from its start in reverse.
        let mut starts = Vec::new();
        while from < to {
            if from % 2 == 1 {
                starts.push(from);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                if self.nodes[to] > limit {
                    return Some(self.descend(to, limit));
                }
            }
            (from, to) = (from / 2, to / 2);
        }
        let found = starts.into_iter().rev().find(|&node| self.nodes[node] > limit);
        found.map(|node| self.descend(node, limit))
    }

    fn descend(&self, mut node: usize, limit: u64) -> usize {
        while node < self.leaves {
            node = 2 * node + usize::from(self.nodes[2 * node + 1] > limit);
        }
        node - self.leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_last_extent_is_that_of_a_plain_search(
            rows in proptest::collection::vec((0_u64..40, 1_u64..12, proptest::bool::ANY), 0..40), address in 0_u64..60,
        ) {
            let rows: Vec<Extent> =
                rows.into_iter().map(|(begin, length, chained)| Extent { begin, end: begin + length, chained }).collect();
            let extents = Extents::of(rows);
            let plain = extents.rows.iter().rev().find(|row| {
                row.begin <= address && address < row.end && (row.begin < address || row.chained)
            });
            proptest::prop_assert_eq!(extents.at(address), plain.copied());
        }
    }
}
