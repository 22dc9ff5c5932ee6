//! Hash values as types. Sixty-four-bit hashes are integers end to end and never pass through a double.

use std::fmt;

/// Value of one hex digit of either case.
pub(crate) const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

macro_rules! hash64 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// Wraps the 64-bit value.
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }

            /// The 64-bit value.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{:016x}", self.0)
            }
        }
    };
}

hash64! {
    /// Position-independent hash of a function: first 8 bytes of a SHA-256, read little endian. 0 stands for "none" in records.
    PicHash
}
hash64! {
    /// Position-independent hash of a basic block (PicBlockHash).
    BlockHash
}

/// SHA-256 of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Wraps the digest.
    pub const fn new(raw: [u8; 32]) -> Self {
        Self(raw)
    }

    /// The digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// MinHash signature: one byte a position (64 positions by default; four bytes a position when configured beyond 8 bits).
/// Empty for functions that are too small to be hashed.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct MinHash(Box<[u8]>);

impl MinHash {
    /// The signature of a function that is not hashed.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Wraps the bytes of a signature.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// Reads hex digits; `None` if the text is not an even number of them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if !text.len().is_multiple_of(2) {
            return None;
        }
        text.chunks_exact(2)
            .map(|pair| Some((hex_digit(pair[0])? << 4) | hex_digit(pair[1])?))
            .collect::<Option<Box<[u8]>>>()
            .map(Self)
    }

    /// The bytes in position order.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True if the function was not hashed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lower-case hex, the form of records and reports.
    pub fn to_hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(self.0.len() * 2);
        for byte in &self.0 {
            text.push(DIGITS[usize::from(byte >> 4)] as char);
            text.push(DIGITS[usize::from(byte & 15)] as char);
        }
        text
    }
}

impl fmt::Debug for MinHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minhash_hex_round_trip() {
        let signature = MinHash::from_hex("00ff7A").unwrap();
        assert_eq!(signature.as_bytes(), [0, 255, 0x7a]);
        assert_eq!(signature.to_hex(), "00ff7a");
        assert_eq!(MinHash::from_hex("0"), None);
        assert_eq!(MinHash::from_hex("0g"), None);
    }
}
