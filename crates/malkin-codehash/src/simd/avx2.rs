//! The kernels with 256-bit integers.

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu32, _mm256_movemask_epi8,
    _mm256_set1_epi32, _mm256_storeu_si256, _mm256_xor_si256,
};

use super::{Row, row_kernels, scalar};

/// Seeds of a vector.
const LANES: usize = 8;

/// See [`super::minima`].
#[target_feature(enable = "avx2")]
pub(super) fn minima(seeds: &[u32], hashes: &[u32], out: &mut [u32]) {
    let len = seeds.len().min(out.len());
    let (seeds, out) = (&seeds[..len], &mut out[..len]);
    let mut at = 0;
    // Twelve registers hold six vectors of seeds and their minima: the 48 positions of the default in one pass.
    while len - at >= 6 * LANES {
        minima_of::<6>(&seeds[at..], hashes, &mut out[at..]);
        at += 6 * LANES;
    }
    while len - at >= 2 * LANES {
        minima_of::<2>(&seeds[at..], hashes, &mut out[at..]);
        at += 2 * LANES;
    }
    if len - at >= LANES {
        minima_of::<1>(&seeds[at..], hashes, &mut out[at..]);
        at += LANES;
    }
    scalar::minima(&seeds[at..], hashes, &mut out[at..]);
}

/// The first `VECTORS * LANES` seeds and minima of slices that hold at least so many.
#[target_feature(enable = "avx2")]
fn minima_of<const VECTORS: usize>(seeds: &[u32], hashes: &[u32], out: &mut [u32]) {
    let (seeds, _) = seeds.as_chunks::<LANES>();
    let (out, _) = out.as_chunks_mut::<LANES>();
    let seeds: [__m256i; VECTORS] = std::array::from_fn(|at| load(&seeds[at]));
    let mut minima: [__m256i; VECTORS] = std::array::from_fn(|at| load(&out[at]));
    for hash in hashes {
        let hash = _mm256_set1_epi32(hash.cast_signed());
        for (minimum, seed) in minima.iter_mut().zip(&seeds) {
            *minimum = _mm256_min_epu32(*minimum, _mm256_xor_si256(hash, *seed));
        }
    }
    for (lanes, minimum) in out.iter_mut().zip(minima) {
        // SAFETY: the array has 32 bytes; the store needs no alignment.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), minimum) };
    }
}

#[target_feature(enable = "avx2")]
fn load(lanes: &[u32; LANES]) -> __m256i {
    // SAFETY: the array has 32 bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

/// Equal positions of two rows.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn equal_row(a: &Row, b: &Row) -> u32 {
    let half = |row: &Row, at: usize| {
        // SAFETY: `at` is 0 or 32, so 32 of the 64 bytes lie behind it; the load needs no alignment.
        unsafe { _mm256_loadu_si256(row.as_ptr().add(at).cast()) }
    };
    let mask = |at: usize| _mm256_movemask_epi8(_mm256_cmpeq_epi8(half(a, at), half(b, at))).cast_unsigned();
    (u64::from(mask(0)) | u64::from(mask(32)) << 32).count_ones()
}

row_kernels!(
    #[target_feature(enable = "avx2,popcnt")]
);
