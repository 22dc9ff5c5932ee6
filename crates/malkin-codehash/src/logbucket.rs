//! Logarithmic buckets: near values of a statistic share bucket centres, and the more so the larger they are.
//!
//! The shipped table of MCRIT 1.9.0 (100,000 values, one neighbour on each side, centred) follows from a rule, and is made
//! by it; `data/logbuckets.txt` is the table itself and the test compares both.

use std::sync::LazyLock;

/// Values from here on have no bucket; the reference fails on them.
pub(crate) const MAX_VALUE_EXCLUSIVE: u64 = 100_000;

/// Left, own and right bucket of a value.
pub(crate) type Triple = [i32; 3];

/// The buckets of a value, `None` for a value that is too large.
pub(crate) fn triple(value: u64) -> Option<Triple> {
    let first = TABLE.partition_point(|(from, _)| *from <= value).checked_sub(1)?;
    (value < MAX_VALUE_EXCLUSIVE).then(|| TABLE[first].1)
}

/// First value -> triple, ascending; a triple holds until the next entry.
static TABLE: LazyLock<Vec<(u64, Triple)>> = LazyLock::new(|| {
    let centres = centres();
    let mut table: Vec<(u64, Triple)> = vec![(0, [-1, 0, 1])];
    for value in 1..MAX_VALUE_EXCLUSIVE {
        let own = centres.partition_point(|centre| *centre < centre_of(value));
        // The nearest of the own centre and its neighbours, the lower one when two are equally near; 0 is never chosen.
        let nearest = (own.max(2) - 1..=own + 1).min_by_key(|at| centres[*at].abs_diff(value)).unwrap_or(own);
        let triple = [nearest - 1, nearest, nearest + 1].map(|at| centres[at] as i32);
        if table.last().is_none_or(|(_, last)| *last != triple) {
            table.push((value, triple));
        }
    }
    table
});

/// The bucket centre a value rounds up to: steps are the power of two with half the value's exponent.
fn centre_of(value: u64) -> u64 {
    if value < 4 { value } else { value.next_multiple_of(1 << (value.ilog2() / 2)) }
}

/// All centres, ascending. Twice the range, so that the neighbours of the last values exist.
fn centres() -> Vec<u64> {
    let mut centres: Vec<u64> = (0..2 * MAX_VALUE_EXCLUSIVE).map(centre_of).collect();
    centres.dedup();
    centres
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_makes_the_shipped_table() {
        let shipped: Vec<(u64, Triple)> = include_str!("../../../data/logbuckets.txt")
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                let numbers: Vec<i32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
                (numbers[0] as u64, [numbers[1], numbers[2], numbers[3]])
            })
            .collect();
        assert_eq!(*TABLE, shipped);
    }

    #[test]
    fn values_beyond_the_table_have_no_bucket() {
        assert_eq!(triple(0), Some([-1, 0, 1]));
        assert_eq!(triple(5), Some([3, 4, 6]));
        assert_eq!(triple(99_999), Some([99_840, 100_096, 100_352]));
        assert_eq!(triple(100_000), None);
        assert_eq!(triple(u64::MAX), None);
    }
}
