//! Shannon entropy of bytes, in bits a byte: 0 for one repeated value, 8 for all values alike often.

use serde::{Deserialize, Serialize};

/// Most windows of a profile.
const MAX_WINDOWS: usize = 256;
/// Smallest window, in bytes: below this the figure says little.
const MIN_WINDOW: usize = 256;

/// Entropy along a file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Bytes of a window; the last one may be shorter.
    pub window: usize,
    /// Entropy of each window, to two places.
    pub values: Vec<f64>,
}

/// Entropy of bytes.
pub fn entropy(bytes: &[u8]) -> f64 {
    if bytes.is_empty() {
        return 0.0;
    }
    let mut counts = [0_u64; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / total);
    let bits: f64 = shares.map(|share| -share * share.log2()).sum();
    bits.max(0.0)
}

/// Entropy in windows of equal size.
pub fn profile(bytes: &[u8]) -> Profile {
    let window = bytes.len().div_ceil(MAX_WINDOWS).max(MIN_WINDOW);
    Profile { window, values: bytes.chunks(window).map(|window| round(entropy(window))).collect() }
}

/// Two places are what a reader needs.
pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_lies_between_nothing_and_eight() {
        assert!(entropy(b"") < 1e-12);
        assert!(entropy(&[7; 100]) < 1e-12);
        assert!((entropy(b"abab") - 1.0).abs() < 1e-12);
        let all: Vec<u8> = (0..=255).collect();
        assert!((entropy(&all) - 8.0).abs() < 1e-12);
    }

    #[test]
    fn a_profile_has_a_bounded_number_of_windows() {
        for size in [0, 1, 255, 256, 257, 65_536, 1_000_003] {
            let profile = profile(&vec![0; size]);
            assert!(profile.values.len() <= MAX_WINDOWS);
            assert!(profile.values.len() * profile.window >= size);
        }
    }
}
