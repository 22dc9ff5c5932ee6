//! Signatures compared by whatever instructions the processor has, against a plain loop.

use malkin_codehash::{count_equal_rows, equal_positions, for_each_pair_at_least};

use crate::parts::Parts;

/// Width and threshold, then rows: the first ones are the queries.
pub fn compare(data: &[u8]) {
    let mut parts = Parts::new(data);
    // The width of real signatures half of the time, any other the rest of it.
    let width = match parts.byte() {
        byte @ 1..128 => usize::from(byte),
        _ => 64,
    };
    let threshold = u32::from(parts.byte() % 80);
    let num_queries = usize::from(parts.byte() % 4);
    let rows = parts.rest();
    let queries = &rows[..rows.len().min(num_queries * width)];

    let mut expected = Vec::new();
    for (query, a) in queries.chunks_exact(width).enumerate() {
        let mut counts = Vec::new();
        count_equal_rows(a, rows, &mut counts);
        for (row, b) in rows.chunks_exact(width).enumerate() {
            let equal = a.iter().zip(b).filter(|(a, b)| a == b).count() as u32;
            assert_eq!((u32::from(counts[row]), equal_positions(a, b)), (equal, equal));
            if equal >= threshold {
                expected.push((query, row, equal));
            }
        }
        assert_eq!(counts.len(), rows.len() / width);
    }
    let mut found = Vec::new();
    for_each_pair_at_least(queries, rows, width, threshold, |query, row, equal| {
        found.push((query, row, equal))
    });
    found.sort_unstable();
    assert_eq!(found, expected);
}
