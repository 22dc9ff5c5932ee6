//! The kernels that are worth vector instructions, each with a scalar twin that defines it.
//!
//! The instruction set is chosen at run time. Beyond AVX2 and AVX-512 nothing is written by hand: SSE2 and NEON belong to the
//! base set of their architectures, and the compiler turns the scalar twins into them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

/// A signature of the default settings.
pub(crate) type Row = [u8; 64];

/// The instruction sets there are kernels for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Level {
    /// Plain Rust.
    Scalar,
    /// 256-bit integers.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit byte compares with mask registers (BW), besides AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The best level of this processor. The standard library remembers what it found.
#[cfg(target_arch = "x86_64")]
fn level() -> Level {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")) {
        Level::Scalar
    } else if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

/// The best level of this processor.
#[cfg(not(target_arch = "x86_64"))]
fn level() -> Level {
    Level::Scalar
}

/// For each seed the minimum over all hashes of `hash ^ seed`, and of what `out` already holds.
pub(crate) fn minima(seeds: &[u32], hashes: &[u32], out: &mut [u32]) {
    minima_at(level(), seeds, hashes, out);
}

fn minima_at(level: Level, seeds: &[u32], hashes: &[u32], out: &mut [u32]) {
    match level {
        Level::Scalar => scalar::minima(seeds, hashes, out),
        // SAFETY: `level` is one that was found on this processor.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 => unsafe { avx2::minima(seeds, hashes, out) },
    }
}

/// Number of equal bytes at equal positions, up to the shorter length.
pub(crate) fn equal_positions(a: &[u8], b: &[u8]) -> u32 {
    equal_positions_at(level(), a, b)
}

fn equal_positions_at(level: Level, a: &[u8], b: &[u8]) -> u32 {
    match level {
        Level::Scalar => scalar::equal_positions(a, b),
        // SAFETY: `level` is one that was found on this processor.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::equal_positions(a, b) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::equal_positions(a, b) },
    }
}

/// Number of positions of each row that equal the query's. As many rows are compared as `out` has places.
pub(crate) fn count_rows(query: &Row, rows: &[Row], out: &mut [u16]) {
    count_rows_at(level(), query, rows, out);
}

fn count_rows_at(level: Level, query: &Row, rows: &[Row], out: &mut [u16]) {
    match level {
        Level::Scalar => scalar::count_rows(query, rows, out),
        // SAFETY: `level` is one that was found on this processor.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::count_rows(query, rows, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::count_rows(query, rows, out) },
    }
}

/// Reports the rows that have at least `threshold` positions in common with the query: number and common positions.
pub(crate) fn rows_at_least(query: &Row, rows: &[Row], threshold: u32, report: impl FnMut(usize, u32)) {
    rows_at_least_at(level(), query, rows, threshold, report);
}

fn rows_at_least_at(level: Level, query: &Row, rows: &[Row], threshold: u32, report: impl FnMut(usize, u32)) {
    match level {
        Level::Scalar => scalar::rows_at_least(query, rows, threshold, report),
        // SAFETY: `level` is one that was found on this processor.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::rows_at_least(query, rows, threshold, report) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::rows_at_least(query, rows, threshold, report) },
    }
}

/// Writes the comparisons of rows in terms of `equal_row` of the calling module, once for each instruction set: a closure or
/// function that is not compiled for the set would not be inlined.
macro_rules! row_kernels {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        pub(super) fn equal_positions(a: &[u8], b: &[u8]) -> u32 {
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks(), b.as_chunks());
            let whole: u32 = a.iter().zip(b).map(|(a, b)| equal_row(a, b)).sum();
            let tail: u32 = a_rest.iter().zip(b_rest).map(|(a, b)| u32::from(a == b)).sum();
            whole + tail
        }

        $(#[$attribute])*
        pub(super) fn count_rows(query: &Row, rows: &[Row], out: &mut [u16]) {
            for (count, row) in out.iter_mut().zip(rows) {
                *count = equal_row(query, row) as u16;
            }
        }

        $(#[$attribute])*
        pub(super) fn rows_at_least(
            query: &Row,
            rows: &[Row],
            threshold: u32,
            mut report: impl FnMut(usize, u32),
        ) {
            for (number, row) in rows.iter().enumerate() {
                let equal = equal_row(query, row);
                if equal >= threshold {
                    report(number, equal);
                }
            }
        }
    };
}
use row_kernels;

#[cfg(test)]
mod tests;
