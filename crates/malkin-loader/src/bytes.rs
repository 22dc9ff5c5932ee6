//! Checked reading of integers and strings from hostile bytes: every read answers with nothing instead of failing, and no
//! read allocates.

use crate::limits::MAX_NAME_BYTES;

/// Longest name taken from a table, in bytes; longer ones are cut.
pub(crate) const MAX_NAME: usize = 1 << 14;

/// A byte string with an integer order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    data: &'a [u8],
    big_endian: bool,
}

impl<'a> Bytes<'a> {
    pub(crate) fn little(data: &'a [u8]) -> Self {
        Self { data, big_endian: false }
    }

    pub(crate) fn ordered(data: &'a [u8], big_endian: bool) -> Self {
        Self { data, big_endian }
    }

    /// Other bytes in the same order.
    pub(crate) fn with(self, data: &[u8]) -> Bytes<'_> {
        Bytes { data, big_endian: self.big_endian }
    }

    pub(crate) fn data(self) -> &'a [u8] {
        self.data
    }

    pub(crate) fn len(self) -> u64 {
        self.data.len() as u64
    }

    /// Exactly `len` bytes at `at`.
    pub(crate) fn exact(self, at: u64, len: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(at).ok()?;
        let end = usize::try_from(at.checked_add(len)?).ok()?;
        self.data.get(start..end)
    }

    /// Up to `len` bytes at `at`.
    pub(crate) fn upto(self, at: u64, len: u64) -> &'a [u8] {
        let rest = usize::try_from(at).ok().and_then(|at| self.data.get(at..)).unwrap_or_default();
        rest.get(..usize::try_from(len).unwrap_or(usize::MAX)).unwrap_or(rest)
    }

    fn array<const N: usize>(self, at: u64) -> Option<[u8; N]> {
        self.exact(at, N as u64)?.first_chunk().copied()
    }

    pub(crate) fn u8(self, at: u64) -> Option<u8> {
        self.array::<1>(at).map(|[byte]| byte)
    }

    pub(crate) fn u16(self, at: u64) -> Option<u16> {
        let raw = self.array(at)?;
        Some(if self.big_endian { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    pub(crate) fn u32(self, at: u64) -> Option<u32> {
        let raw = self.array(at)?;
        Some(if self.big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    pub(crate) fn u64(self, at: u64) -> Option<u64> {
        let raw = self.array(at)?;
        Some(if self.big_endian { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    }

    /// An unsigned value of 4 or 8 bytes.
    pub(crate) fn word(self, at: u64, wide: bool) -> Option<u64> {
        if wide { self.u64(at) } else { self.u32(at).map(u64::from) }
    }

    /// Bytes up to the next NUL (not included) or the end of the data.
    pub(crate) fn c_bytes(self, at: u64) -> Option<&'a [u8]> {
        let rest = self.data.get(usize::try_from(at).ok()?..)?;
        let rest = rest.get(..MAX_NAME).unwrap_or(rest);
        let end = memchr::memchr(0, rest).unwrap_or(rest.len());
        rest.get(..end)
    }

    /// Text up to the next NUL; `None` when it is not UTF-8.
    pub(crate) fn c_text(self, at: u64) -> Option<&'a str> {
        std::str::from_utf8(self.c_bytes(at)?).ok()
    }
}

/// The bytes before the first NUL.
pub(crate) fn until_nul(field: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    field.get(..end).unwrap_or(field)
}

/// An unsigned LEB128 value at `*at`, which moves behind it. `None` when it runs past the end or past 64 bits.
pub(crate) fn uleb128(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        if shift < 64 {
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        }
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A signed LEB128 value, see [`uleb128`].
pub(crate) fn sleb128(data: &[u8], at: &mut usize) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        if shift < 64 {
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        }
        if byte & 0x80 == 0 {
            if byte & 0x40 != 0 && shift + 7 < 64 {
                value |= u64::MAX << (shift + 7);
            }
            return Some(value as i64);
        }
    }
    None
}

/// How many bytes of names may still be kept.
pub(crate) struct NameBudget(usize);

impl NameBudget {
    pub(crate) fn new() -> Self {
        Self(MAX_NAME_BYTES)
    }

    /// The name, unless too many came before it.
    pub(crate) fn keep<'n>(&mut self, name: &'n [u8]) -> Option<&'n [u8]> {
        self.0 = self.0.checked_sub(name.len())?;
        Some(name)
    }

    /// [`NameBudget::keep`] for text; `None` also when it is not UTF-8.
    pub(crate) fn keep_text<'n>(&mut self, name: &'n [u8]) -> Option<&'n str> {
        std::str::from_utf8(self.keep(name)?).ok()
    }
}
