//! Addresses as types. A virtual address is never mixed up with a file offset or an address relative to the image.

use std::fmt;

/// Virtual address inside the mapped image of a sample: relative to nothing, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Va(u64);

impl Va {
    /// Wraps a raw address.
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The raw address.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The address as two's complement, the form MCRIT's records use (addresses above 2^63-1 become negative).
    pub const fn to_signed(self) -> i64 {
        self.0 as i64
    }

    /// Reverses [`Va::to_signed`].
    pub const fn from_signed(raw: i64) -> Self {
        Self(raw as u64)
    }
}

impl fmt::Display for Va {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}", self.0)
    }
}

/// Half-open range `[start, end)` of virtual addresses: the mapped image of a sample. `end` may exceed 64 bits in a
/// hostile report, so it is kept as u128.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImageRange {
    /// First address of the image (the base address).
    pub start: u64,
    /// First address behind the image: base address + image size.
    pub end: u128,
}

impl ImageRange {
    /// The range of an image of `size` bytes mapped at `base`.
    pub fn new(base: u64, size: u64) -> Self {
        Self { start: base, end: base as u128 + size as u128 }
    }

    /// Whether an address lies inside.
    pub fn contains(&self, address: u64) -> bool {
        self.start <= address && (address as u128) < self.end
    }
}
