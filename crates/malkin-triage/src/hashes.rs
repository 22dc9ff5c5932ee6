//! Hashes of a whole file: the exact ones it is known by, and the two fuzzy ones that tell how close files are.

use serde::{Deserialize, Serialize};
use sha2::Digest;

/// Largest file that gets fuzzy hashes, in bytes: they cost thirty times what SHA-256 does.
const MAX_FUZZY: usize = 64 << 20;

/// Hashes in small hexadecimal digits, or in the form their tool prints.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Hashes {
    /// MD5.
    pub md5: String,
    /// SHA-1.
    pub sha1: String,
    /// SHA-256.
    pub sha256: String,
    /// ssdeep: block size and two signatures. Absent for files beyond 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssdeep: Option<String>,
    /// TLSH, version 1. Absent for files that are too small or too uniform for it, and beyond 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tlsh: Option<String>,
}

/// Hashes a file.
pub fn hashes(bytes: &[u8]) -> Hashes {
    let fuzzy = bytes.len() <= MAX_FUZZY;
    Hashes {
        md5: hex(&md5::Md5::digest(bytes)),
        sha1: hex(&sha1::Sha1::digest(bytes)),
        sha256: hex(&sha2::Sha256::digest(bytes)),
        ssdeep: fuzzy.then(|| fuzzyhash::FuzzyHash::new(bytes).to_string()),
        tlsh: fuzzy.then(|| tlsh(bytes)).flatten(),
    }
}

fn tlsh(bytes: &[u8]) -> Option<String> {
    let mut builder = tlsh2::TlshDefaultBuilder::new();
    builder.update(bytes);
    builder.build().map(|hash| String::from_utf8_lossy(&hash.hash()).into_owned())
}

/// MD5 of a part, in hexadecimal.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    hex(&md5::Md5::digest(bytes))
}

/// SHA-256 of a part, in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

/// Small hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| DIGITS[usize::from(digit)] as char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_hashes_are_those_of_the_common_tools() {
        let empty = hashes(b"");
        assert_eq!(empty.md5, "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(empty.sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(empty.sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(empty.tlsh, None);
    }

    #[test]
    fn fuzzy_hashes_have_their_form() {
        let bytes: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let hashes = hashes(&bytes);
        assert_eq!(hashes.ssdeep.unwrap().split(':').count(), 3);
        let tlsh = hashes.tlsh.unwrap();
        assert!(tlsh.starts_with("T1") && tlsh.len() == 72, "{tlsh}");
    }
}
