//! The kernels in plain Rust: what every other version must equal. Written so that the compiler can use the vectors of the base
//! instruction set.

use super::{Row, row_kernels};

/// See [`super::minima`].
pub(super) fn minima(seeds: &[u32], hashes: &[u32], out: &mut [u32]) {
    for hash in hashes {
        for (minimum, seed) in out.iter_mut().zip(seeds) {
            *minimum = (*minimum).min(hash ^ seed);
        }
    }
}

/// Equal positions of two rows. Counted in bytes, 64 of which cannot overflow.
fn equal_row(a: &Row, b: &Row) -> u32 {
    let mut lanes = [0_u8; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += u8::from(a == b);
        }
    }
    lanes.iter().map(|lane| u32::from(*lane)).sum()
}

row_kernels!();
