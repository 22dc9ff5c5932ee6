//! Exact search: every distinct signature is compared, so nothing is missed that no band would show.
//!
//! In tiles that are independent of each other: the caller decides about their order, threads, progress and when to stop.

use malkin_codehash::{equal_positions, for_each_pair_at_least};

use super::{IndexReader, SignatureNo};

/// Signatures of a tile: with the few dozen queries that are worth asking together a tile takes milliseconds.
const TILE_SIGNATURES: usize = 1 << 14;

/// A signature close to a query.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Close {
    /// Position of the query in the list that was asked.
    pub query: u32,
    /// The signature found.
    pub signature: SignatureNo,
    /// Number of equal positions.
    pub equal: u32,
}

impl IndexReader {
    /// Number of tiles that make up the whole index.
    pub fn num_tiles(&self) -> usize {
        self.segments
            .iter()
            .map(|entry| (entry.segment.num_signatures() as usize).div_ceil(TILE_SIGNATURES))
            .sum()
    }

    /// Compares queries, which lie one after the other, with the signatures of one tile and appends those with at least
    /// `min_equal` equal positions, in no particular order.
    pub fn exact_tile(&self, tile: usize, queries: &[u8], min_equal: u32, found: &mut Vec<Close>) {
        let len = self.signature_len.max(1);
        let mut first = tile;
        for (entry, base) in self.segments.iter().zip(&self.bases) {
            let tiles = (entry.segment.num_signatures() as usize).div_ceil(TILE_SIGNATURES);
            if first < tiles {
                let rows =
                    entry.segment.signatures().chunks(TILE_SIGNATURES * len).nth(first).unwrap_or_default();
                let from = base.signature + (first * TILE_SIGNATURES) as u32;
                let report = |query: usize, row: usize, equal| {
                    found.push(Close {
                        query: query as u32,
                        signature: SignatureNo(from + row as u32),
                        equal,
                    });
                };
                match self.position_width() {
                    0 | 1 => for_each_pair_at_least(queries, rows, len, min_equal, report),
                    width => compare_wide(queries, rows, (len, width), min_equal, report),
                }
                return;
            }
            first -= tiles;
        }
    }

    /// All signatures with at least `min_equal` positions equal to those of one signature, ascending. None if it is not of this
    /// index's length.
    pub fn exact(&self, signature: &[u8], min_equal: u32) -> Vec<Close> {
        let mut found = Vec::new();
        if signature.len() == self.signature_len {
            for tile in 0..self.num_tiles() {
                self.exact_tile(tile, signature, min_equal, &mut found);
            }
        }
        found.sort_unstable();
        found
    }
}

/// Number of equal positions of two signatures, with one or several bytes a position; 0 if their lengths differ.
pub(super) fn equal(a: &[u8], b: &[u8], width: usize) -> u32 {
    if width <= 1 {
        equal_positions(a, b)
    } else if a.len() == b.len() {
        a.chunks_exact(width).zip(b.chunks_exact(width)).filter(|(a, b)| a == b).count() as u32
    } else {
        0
    }
}

/// Pairs of signatures with several bytes a position. `shape` is bytes of a signature and bytes of a position.
fn compare_wide(
    queries: &[u8],
    rows: &[u8],
    (len, width): (usize, usize),
    min_equal: u32,
    mut report: impl FnMut(usize, usize, u32),
) {
    for (query, a) in queries.chunks_exact(len).enumerate() {
        for (row, b) in rows.chunks_exact(len).enumerate() {
            let equal = equal(a, b, width);
            if equal >= min_equal {
                report(query, row, equal);
            }
        }
    }
}
