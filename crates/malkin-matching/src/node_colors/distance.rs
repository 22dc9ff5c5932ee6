//! Edit distance, as far as it matters.

/// Distances above this one do not count.
pub(super) const MAX_DISTANCE: u8 = 3;

/// Width of the band around the diagonal outside of which the distance is too large.
const BAND: usize = 2 * MAX_DISTANCE as usize + 1;

/// Insertions, deletions and replacements that turn one sequence into the other; `None` if more than [`MAX_DISTANCE`].
pub(super) fn within(a: &[u8], b: &[u8]) -> Option<u8> {
    let reach = usize::from(MAX_DISTANCE);
    if a.len().abs_diff(b.len()) > reach {
        return None;
    }
    let far = MAX_DISTANCE + 1;
    // Cell `k` of a row is column `row + k - reach`; row 0 holds the distances to the empty sequence.
    let mut row: [u8; BAND] = std::array::from_fn(|k| if k < reach { far } else { (k - reach) as u8 });
    for (i, symbol) in a.iter().enumerate() {
        let mut next = [far; BAND];
        for k in 0..BAND {
            // Column of this cell, counted from 1 in the row after symbol `i`.
            let Some(column) = (i + 1 + k).checked_sub(reach).filter(|column| *column <= b.len()) else {
                continue;
            };
            let from_above = row.get(k + 1).map_or(far, |above| above + 1);
            let from_left = if k > 0 && column > 0 { next[k - 1] + 1 } else { far };
            let along = if column > 0 { row[k] + u8::from(*symbol != b[column - 1]) } else { far };
            next[k] = from_above.min(from_left).min(along).min(far);
        }
        if next.iter().all(|cell| *cell == far) {
            return None;
        }
        row = next;
    }
    let distance = row[b.len() + reach - a.len()];
    (distance <= MAX_DISTANCE).then_some(distance)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole_table(a: &[u8], b: &[u8]) -> usize {
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.iter().enumerate() {
            let mut next = vec![i + 1];
            for (j, y) in b.iter().enumerate() {
                next.push((row[j + 1] + 1).min(next[j] + 1).min(row[j] + usize::from(x != y)));
            }
            row = next;
        }
        row[b.len()]
    }

    proptest! {
        #[test]
        fn the_band_holds_every_small_distance(
            a in prop::collection::vec(0..3_u8, 0..12),
            b in prop::collection::vec(0..3_u8, 0..12),
        ) {
            let distance = whole_table(&a, &b);
            let expected = u8::try_from(distance).ok().filter(|distance| *distance <= MAX_DISTANCE);
            prop_assert_eq!(within(&a, &b), expected);
        }
    }

    #[test]
    fn empty_sequences_are_equal() {
        assert_eq!(within(&[], &[]), Some(0));
        assert_eq!(within(&[], &[1, 2, 3]), Some(3));
        assert_eq!(within(&[1, 2, 3, 4], &[]), None);
    }
}
