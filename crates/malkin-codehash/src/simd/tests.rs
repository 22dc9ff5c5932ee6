//! Every level that this processor has equals the scalar twin, and the twin its definition.

use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

use super::*;

/// All levels up to the best one.
fn levels() -> Vec<Level> {
    let all = [
        Level::Scalar,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512,
    ];
    all.into_iter().filter(|candidate| *candidate <= level()).collect()
}

/// Rows of few values, so that positions are often equal.
fn row() -> impl Strategy<Value = Row> {
    prop::collection::vec(any::<u8>().prop_map(|byte| byte % 3), 64)
        .prop_map(|bytes| std::array::from_fn(|at| bytes[at]))
}

proptest! {
    #[test]
    fn minima_are_equal_on_all_levels(
        seeds in prop::collection::vec(any::<u32>(), 0..140),
        hashes in prop::collection::vec(any::<u32>(), 0..30),
        start in prop::collection::vec(any::<u32>(), 140),
    ) {
        let expected: Vec<u32> = seeds
            .iter()
            .zip(&start)
            .map(|(seed, start)| hashes.iter().map(|hash| hash ^ seed).min().unwrap_or(u32::MAX).min(*start))
            .collect();
        for level in levels() {
            let mut out = start[..seeds.len()].to_vec();
            minima_at(level, &seeds, &hashes, &mut out);
            prop_assert_eq!(&out, &expected, "{:?}", level);
        }
    }

    #[test]
    fn equal_positions_are_equal_on_all_levels(
        a in prop::collection::vec(0..4_u8, 0..300),
        b in prop::collection::vec(0..4_u8, 0..300),
    ) {
        let len = a.len().min(b.len());
        let expected = (0..len).filter(|at| a[*at] == b[*at]).count() as u32;
        for level in levels() {
            prop_assert_eq!(equal_positions_at(level, &a[..len], &b[..len]), expected, "{:?}", level);
        }
    }

    #[test]
    fn rows_are_compared_equally_on_all_levels(
        query in row(),
        rows in prop::collection::vec(row(), 0..20),
        threshold in 0..64_u32,
    ) {
        let expected: Vec<u16> =
            rows.iter().map(|row| query.iter().zip(row).filter(|(a, b)| a == b).count() as u16).collect();
        for level in levels() {
            let mut counts = vec![0; rows.len()];
            count_rows_at(level, &query, &rows, &mut counts);
            prop_assert_eq!(&counts, &expected, "{:?}", level);
            let mut reported = vec![None; rows.len()];
            rows_at_least_at(level, &query, &rows, threshold, |row, equal| reported[row] = Some(equal));
            for (count, reported) in expected.iter().zip(reported) {
                let count = u32::from(*count);
                prop_assert_eq!(reported, (count >= threshold).then_some(count), "{:?}", level);
            }
        }
    }
}

#[test]
fn a_row_equals_itself_in_all_positions() {
    for level in levels() {
        assert_eq!(equal_positions_at(level, &[7; 64], &[7; 64]), 64, "{level:?}");
        assert_eq!(equal_positions_at(level, &[7; 64], &[8; 64]), 0, "{level:?}");
    }
}
