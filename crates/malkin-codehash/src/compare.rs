//! Comparison of signatures of one byte a position: one pair, one against many, many against many.

use crate::simd;

/// Number of equal bytes at equal positions of two signatures of the same length; 0 if the lengths differ.
pub fn equal_positions(a: &[u8], b: &[u8]) -> u32 {
    if a.len() == b.len() { simd::equal_positions(a, b) } else { 0 }
}

/// Score of two signatures of one byte a position: 100.0 * equal / length, 0.0 for empty ones or different lengths.
pub fn score(a: &[u8], b: &[u8]) -> f64 {
    if a.is_empty() { 0.0 } else { 100.0 * f64::from(equal_positions(a, b)) / a.len() as f64 }
}

/// Compares a signature with each of the signatures that lie one after the other in `rows`, and replaces the content of `out` by
/// the numbers of equal positions. Bytes behind the last whole row are ignored. Rows of 64 bytes are the fast case.
pub fn count_equal_rows(query: &[u8], rows: &[u8], out: &mut Vec<u16>) {
    out.clear();
    if let Ok(query) = query.try_into() {
        let (rows, _) = rows.as_chunks();
        out.resize(rows.len(), 0);
        simd::count_rows(query, rows, out);
    } else if !query.is_empty() {
        let count = |row| simd::equal_positions(query, row).min(u32::from(u16::MAX)) as u16;
        out.extend(rows.chunks_exact(query.len()).map(count));
    }
}

/// Compares every signature of `queries` with every one of `rows` (both `width` bytes each, one after the other) and reports the
/// pairs with at least `threshold` equal positions: number of the query, number of the row, equal positions. Pairs come in no
/// particular order. Bytes behind the last whole row are ignored.
///
/// Works through `rows` in tiles that stay in the first-level cache while all queries pass over them, so the more queries a call
/// has, the less memory bandwidth counts.
pub fn for_each_pair_at_least(
    queries: &[u8],
    rows: &[u8],
    width: usize,
    threshold: u32,
    mut report: impl FnMut(usize, usize, u32),
) {
    /// 16 KiB of rows: half of a small first-level cache.
    const TILE_BYTES: usize = 16 << 10;
    if width == 0 {
        return;
    }
    let tile_rows = (TILE_BYTES / width).max(1);
    for (number, tile) in rows.chunks(tile_rows * width).enumerate() {
        let first_row = number * tile_rows;
        for (query, signature) in queries.chunks_exact(width).enumerate() {
            let report = |row: usize, equal: u32| report(query, first_row + row, equal);
            if let Ok(signature) = signature.try_into() {
                simd::rows_at_least(signature, tile.as_chunks().0, threshold, report);
            } else {
                slow_rows_at_least(signature, tile, threshold, report);
            }
        }
    }
}

/// Rows of another width than 64 bytes.
fn slow_rows_at_least(query: &[u8], rows: &[u8], threshold: u32, mut report: impl FnMut(usize, u32)) {
    for (row, signature) in rows.chunks_exact(query.len()).enumerate() {
        let equal = simd::equal_positions(query, signature);
        if equal >= threshold {
            report(row, equal);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    fn slow_equal(a: &[u8], b: &[u8]) -> u32 {
        a.iter().zip(b).filter(|(a, b)| a == b).count() as u32
    }

    #[test]
    fn scores_are_shares_of_equal_positions() {
        assert_eq!(score(&[1, 2, 3, 4], &[1, 2, 0, 4]).to_bits(), 75.0_f64.to_bits());
        assert_eq!(score(&[], &[]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(equal_positions(&[1], &[1, 1]), 0);
    }

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(48))]

        #[test]
        fn all_pairs_are_found_once(
            queries in prop::collection::vec(0..3_u8, 0..300),
            rows in prop::collection::vec(0..3_u8, 0..20_000),
            width in prop::sample::select(vec![64_usize, 1, 7, 63, 65, 100]),
            threshold in 0..40_u32,
        ) {
            let mut found = Vec::new();
            for_each_pair_at_least(&queries, &rows, width, threshold, |query, row, equal| {
                found.push((query, row, equal));
            });
            found.sort_unstable();
            let mut expected = Vec::new();
            for (query, a) in queries.chunks_exact(width).enumerate() {
                let mut counts = Vec::new();
                count_equal_rows(a, &rows, &mut counts);
                for (row, b) in rows.chunks_exact(width).enumerate() {
                    let equal = slow_equal(a, b);
                    prop_assert_eq!(u32::from(counts[row]), equal);
                    if equal >= threshold {
                        expected.push((query, row, equal));
                    }
                }
                prop_assert_eq!(counts.len(), rows.len() / width);
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn equality_is_counted_by_position(pairs in prop::collection::vec((any::<u8>(), any::<u8>(), any::<bool>()), 0..200)) {
            let a: Vec<u8> = pairs.iter().map(|(a, _, _)| *a).collect();
            let b: Vec<u8> = pairs.iter().map(|(a, b, same)| if *same { *a } else { *b }).collect();
            prop_assert_eq!(equal_positions(&a, &b), slow_equal(&a, &b));
            prop_assert_eq!(equal_positions(&a, &a) as usize, a.len());
        }
    }
}
