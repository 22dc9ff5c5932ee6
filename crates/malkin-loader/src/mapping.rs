//! Placing file content into an image buffer, and the arithmetic of areas all containers share.

use crate::limits::MAX_OVERWRITES;
use crate::options::LoadError;

/// `value` rounded up to a multiple of `step`; unchanged for step 0. Saturates.
pub(crate) fn round_up(value: u64, step: u64) -> u64 {
    match value.checked_rem(step) {
        None | Some(0) => value,
        Some(rest) => value.saturating_add(step - rest),
    }
}

/// As [`round_up`], without an end at 64 bits.
pub(crate) fn round_up_wide(value: u64, step: u64) -> u128 {
    u128::from(value).next_multiple_of(u128::from(step.max(1)))
}

/// An area of `size` bytes.
pub(crate) fn area(start: u64, size: u128) -> (u64, u128) {
    (start, u128::from(start) + size)
}

/// Sorts areas and joins those that touch or overlap. Ends of addresses are wider than addresses.
pub(crate) fn merge_areas<E: Copy + Ord + From<u64>>(mut areas: Vec<(u64, E)>) -> Vec<(u64, E)> {
    areas.sort_unstable();
    let mut merged: Vec<(u64, E)> = Vec::with_capacity(areas.len());
    for (start, end) in areas {
        match merged.last_mut() {
            Some(last) if E::from(start) <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// A zeroed image of `size` bytes, unless it is larger than allowed.
pub(crate) fn blank_image(size: u64, limit: u64) -> Result<Vec<u8>, LoadError> {
    let too_large = LoadError::TooLarge { size, limit };
    if size > limit {
        return Err(too_large);
    }
    usize::try_from(size).map(|size| vec![0; size]).map_err(|_| too_large)
}

/// Bytes that are looked at together before they are cleared.
const PAGE: usize = 4096;

/// Writes `len` bytes at `at`: `content`, then zeros. Whatever leaves the image is dropped.
pub(crate) fn place(image: &mut [u8], at: u64, content: &[u8], len: u64) {
    let Some(room) = usize::try_from(at).ok().and_then(|at| image.get_mut(at..)) else { return };
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(room.len());
    let copied = content.len().min(len);
    if let (Some(target), Some(source)) = (room.get_mut(..copied), content.get(..copied)) {
        target.copy_from_slice(source);
    }
    // What is zero already stays untouched: pages that a file only claims then take no memory.
    for page in room.get_mut(copied..len).unwrap_or_default().chunks_mut(PAGE) {
        if page.iter().any(|&byte| byte != 0) {
            page.fill(0);
        }
    }
}

/// Bounds the bytes written by overlapping rows: a table of 65,535 rows that all cover the whole image would otherwise
/// write terabytes.
pub(crate) struct Budget {
    image: u64,
    left: u64,
}

impl Budget {
    pub(crate) fn new(image: usize) -> Self {
        Self { image: image as u64, left: (image as u64).saturating_mul(MAX_OVERWRITES) }
    }

    /// Whether `size` bytes may be written at `at`; they count when so.
    pub(crate) fn spend(&mut self, at: u64, size: u64) -> bool {
        let written = size.min(self.image.saturating_sub(at));
        let fits = written <= self.left;
        if fits {
            self.left -= written;
        }
        fits
    }
}
