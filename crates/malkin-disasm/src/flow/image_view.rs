//! The image as the recovery reads it: bytes by address, what is inside, what may be code, where functions are declared.

use malkin_loader::{Format, Image, Sparse};

use super::extent::{Extent, Extents};

/// Bytes and ranges of an image.
#[derive(Debug)]
pub(crate) struct ImageView<'a> {
    /// The image.
    pub(crate) image: &'a Image,
    /// Mapped bytes.
    pub(crate) data: &'a [u8],
    /// The same for searches, which pass over pages of zeros.
    pub(crate) sparse: Sparse<'a>,
    /// Address of the first byte.
    pub(crate) base: u64,
    /// 32 or 64.
    pub(crate) bits: u32,
    /// Largest address.
    pub(crate) mask: u64,
    /// Extents of the PE exception directory.
    extents: Extents,
    /// Procedure linkage tables, joined and ascending.
    linkage: Vec<(u64, u64)>,
}

impl<'a> ImageView<'a> {
    /// A view of an image.
    pub(crate) fn new(image: &'a Image) -> Self {
        let bits = if image.bitness == 64 { 64 } else { 32 };
        let mut linkage: Vec<(u64, u64)> = image.plt_ranges.clone();
        linkage.sort_unstable();
        linkage.dedup_by(|next, last| {
            let touches = next.0 <= last.1;
            if touches {
                last.1 = last.1.max(next.1);
            }
            touches
        });
        Self {
            image,
            data: &image.data,
            sparse: Sparse::new(&image.data),
            base: image.base_addr,
            bits,
            mask: if bits == 64 { u64::MAX } else { u64::from(u32::MAX) },
            extents: Extents::new(image),
            linkage,
        }
    }

    /// First address behind the image, wrapping as the image does.
    pub(crate) fn end(&self) -> u64 {
        self.base.saturating_add(self.data.len() as u64)
    }

    /// Offset of an address inside the image.
    pub(crate) fn offset(&self, address: u64) -> Option<usize> {
        let offset = address.wrapping_sub(self.base);
        (address >= self.base && offset < self.data.len() as u64).then_some(offset as usize)
    }

    /// Whether an address lies in the image.
    pub(crate) fn contains(&self, address: u64) -> bool {
        self.offset(address).is_some()
    }

    /// Whether candidates may lie at an address: in the code areas, or anywhere if there are none.
    pub(crate) fn may_be_candidate(&self, address: u64) -> bool {
        self.image.code_areas.is_empty() || self.image.in_code_areas(address)
    }

    /// Whether an address can be the target of a jump table.
    pub(crate) fn is_code_pointer(&self, address: u64) -> bool {
        self.contains(address) && self.image.in_code_areas(address)
    }

    /// Whether an absolute operand refers to data: in the image and not in the code areas, if there are any.
    pub(crate) fn is_data(&self, address: u64) -> bool {
        self.contains(address) && (self.image.code_areas.is_empty() || !self.image.in_code_areas(address))
    }

    /// Up to `length` bytes at an address.
    pub(crate) fn window(&self, address: u64, length: usize) -> &'a [u8] {
        let Some(offset) = self.offset(address) else { return &[] };
        let rest = self.data.get(offset..).unwrap_or_default();
        &rest[..length.min(rest.len())]
    }

    /// The byte at an address.
    pub(crate) fn byte(&self, address: u64) -> Option<u8> {
        self.data.get(self.offset(address)?).copied()
    }

    /// A little-endian value of 4 or 8 bytes.
    pub(crate) fn value(&self, address: u64, width: u32) -> Option<u64> {
        let bytes = self.window(address, width as usize);
        if width == 8 {
            Some(u64::from_le_bytes(*bytes.first_chunk()?))
        } else {
            Some(u64::from(u32::from_le_bytes(*bytes.first_chunk()?)))
        }
    }

    /// Whether the container is a PE.
    pub(crate) fn is_pe(&self) -> bool {
        self.image.format == Format::Pe
    }

    /// Whether there are extents of an exception directory.
    pub(crate) fn has_extents(&self) -> bool {
        !self.extents.is_empty()
    }

    /// The extent of the exception directory an address lies in: behind its begin, or at it if it is a continuation.
    pub(crate) fn extent_at(&self, address: u64) -> Option<Extent> {
        self.extents.at(address)
    }

    /// The `.eh_frame` range an address lies inside of, not at its start.
    pub(crate) fn frame_range_at(&self, address: u64) -> Option<(u64, u64)> {
        let ranges = &self.image.eh_frame_ranges;
        // Ranges that start at the address do not hold it inside; there may be any number of them.
        let upto = ranges.partition_point(|range| range.0 < address);
        for at in (0..upto).rev() {
            let (start, end) = ranges[at];
            if start < address && address < end {
                return Some((start, end));
            }
            if end <= address && at > 0 && ranges[at - 1].1 <= address {
                return None;
            }
        }
        None
    }

    /// Whether an address lies in a procedure linkage table.
    pub(crate) fn in_linkage_table(&self, address: u64) -> bool {
        let after = self.linkage.partition_point(|range| range.0 <= address);
        after.checked_sub(1).and_then(|at| self.linkage.get(at)).is_some_and(|range| address < range.1)
    }
}
