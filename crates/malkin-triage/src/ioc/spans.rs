//! Parts of a text that are taken, and the question whether another part reaches into one of them.

/// Parts of a text as start and end, in bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans(Vec<(usize, usize)>);

impl Spans {
    /// Adds a part. To be asked for overlaps, parts have to be added in their order and apart from one another, or be merged.
    pub(super) fn push(&mut self, start: usize, end: usize) {
        self.0.push((start, end));
    }

    /// The same parts sorted, those that touch as one.
    pub(super) fn merged(mut self) -> Self {
        self.0.sort_unstable();
        self.0.dedup_by(|next, last| {
            let touches = next.0 <= last.1;
            if touches {
                last.1 = last.1.max(next.1);
            }
            touches
        });
        self
    }

    /// Whether a part that is not empty reaches into one of these.
    pub(super) fn overlap(&self, start: usize, end: usize) -> bool {
        let after = self.0.partition_point(|&(_, taken_end)| taken_end <= start);
        self.0.get(after).is_some_and(|&(taken_start, _)| taken_start < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn overlaps_are_those_of_a_plain_search(
            parts in proptest::collection::vec((0_usize..60, 1_usize..9), 0..12),
            start in 0_usize..60, length in 1_usize..9,
        ) {
            let mut spans = Spans::default();
            for &(at, length) in &parts {
                spans.push(at, at + length);
            }
            let end = start + length;
            let plain = parts.iter().any(|&(at, length)| start < at + length && end > at);
            proptest::prop_assert_eq!(spans.merged().overlap(start, end), plain);
        }
    }
}
