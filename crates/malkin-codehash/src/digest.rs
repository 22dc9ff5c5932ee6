//! SHA-256 as the hashes of code use it: the first eight bytes, little endian, or all of it in hex.

use sha2::{Digest as _, Sha256};

/// First 8 bytes of a digest as a little-endian number.
fn first_64(hasher: Sha256) -> u64 {
    let digest: [u8; 32] = hasher.finalize().into();
    let (words, _) = digest.as_chunks();
    u64::from_le_bytes(words[0])
}

/// `sha256_64` of one text.
pub(crate) fn sha256_64(text: &[u8]) -> u64 {
    first_64(Sha256::new_with_prefix(text))
}

/// `sha256_64` of a text that comes in parts.
#[derive(Default)]
pub(crate) struct Sha256First64(Sha256);

impl Sha256First64 {
    /// Adds a part.
    pub(crate) fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The value over all parts.
    pub(crate) fn finish(self) -> u64 {
        first_64(self.0)
    }
}

/// Lower-case hex digits of the digest.
pub(crate) fn sha256_hex(text: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(text).into();
    malkin_report::Sha256::new(digest).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_read_little_endian() {
        // SHA-256("abc") = ba7816bf 8f01cfea ...
        assert_eq!(sha256_64(b"abc"), 0xeacf_018f_bf16_78ba);
        let mut parts = Sha256First64::default();
        parts.update(b"a");
        parts.update(b"bc");
        assert_eq!(parts.finish(), sha256_64(b"abc"));
        assert!(sha256_hex(b"abc").starts_with("ba7816bf8f01cfea"));
    }
}
