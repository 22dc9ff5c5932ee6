//! Checked reading of integers and strings from hostile bytes: every read answers with nothing instead of failing, and no
//! read allocates.

use malkin_report::Budget;

use crate::limits::{MAX_NAME_BYTES, MIN_NAME_BYTES, NAME_BYTES_PER_BYTE};

/// Longest name taken from a table, in bytes; longer ones are cut.
pub(crate) const MAX_NAME: usize = 1 << 14;

/// Bytes of a name that are searched for one unit of work.
const NAME_BYTES_PER_UNIT: usize = 8;

/// A byte string with an integer order. With a budget every read is a unit of work, and once that has ended nothing is read any
/// more: whatever a table states, its loop ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    data: &'a [u8],
    big_endian: bool,
    budget: Option<&'a Budget<'a>>,
}

impl<'a> Bytes<'a> {
    pub(crate) fn little(data: &'a [u8]) -> Self {
        Self { data, big_endian: false, budget: None }
    }

    pub(crate) fn ordered(data: &'a [u8], big_endian: bool) -> Self {
        Self { data, big_endian, budget: None }
    }

    /// The same, on the account of a budget.
    pub(crate) fn within(self, budget: &'a Budget<'a>) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// A part of these bytes, little endian, on the same account.
    pub(crate) fn part(self, data: &'a [u8]) -> Self {
        Self { data, big_endian: false, ..self }
    }

    /// Takes units of work for what is not a read. Returns whether to go on.
    pub(crate) fn work(self, units: u64) -> bool {
        self.budget.is_none_or(|budget| budget.work(units))
    }

    /// Other bytes in the same order.
    pub(crate) fn with<'b>(self, data: &'b [u8]) -> Bytes<'b>
    where
        'a: 'b,
    {
        Bytes { data, ..self }
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
        self.work(1).then_some(())?;
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
        self.work(1 + (end / NAME_BYTES_PER_UNIT) as u64).then_some(())?;
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

/// How many bytes of names may still be kept: names of a real table lie side by side or share their ends, so that they are not
/// much longer together than the file; a thousand rows of one long name are not real.
pub(crate) struct NameBudget(usize);

impl NameBudget {
    /// For one table of a file of `size` bytes.
    pub(crate) fn of(size: u64) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Self(size.saturating_mul(NAME_BYTES_PER_BYTE).clamp(MIN_NAME_BYTES, MAX_NAME_BYTES))
    }

    /// Bytes left.
    pub(crate) fn left(&self) -> usize {
        self.0
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
