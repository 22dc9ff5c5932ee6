//! The comparisons with 512-bit vectors: a row is one vector, and a compare leaves one bit for each byte.

use std::arch::x86_64::{__m512i, _mm512_cmpeq_epi8_mask, _mm512_loadu_si512};

use super::{Row, row_kernels};

/// Equal positions of two rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,popcnt")]
fn equal_row(a: &Row, b: &Row) -> u32 {
    _mm512_cmpeq_epi8_mask(load(a), load(b)).count_ones()
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(row: &Row) -> __m512i {
    // SAFETY: a row has 64 bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(row.as_ptr().cast()) }
}

row_kernels!(
    #[target_feature(enable = "avx512f,avx512bw,popcnt")]
);
