//! The bytes of a segment: a header, a table of sections, the sections. docs/formats.md describes them for other programs.
//!
//! Not here: what the sections mean (`segment.rs`), files (the owner of a file passes its bytes).

use sha2::{Digest, Sha256};

use super::packed::{PADDING, Packed, append};
use crate::error::ImageError;

/// First bytes of an image.
pub(crate) const MAGIC: [u8; 8] = *b"MLKNSEG\n";
/// Version of the layout this program writes, and the only one it reads: an image of another version is rebuilt.
pub(crate) const VERSION: u32 = 1;
/// Bytes of the header before the table of sections.
const HEADER: usize = 96;
/// Bytes of an entry in the table: offset, count, width, parameter.
const ENTRY: usize = 24;
/// Bounds the table of a foreign image: fixed sections and three for each of 2^16 bands.
const MAX_SECTIONS: usize = 16 + 3 * (1 << 16);

/// What everything in an image depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    /// SHA-256 over the projection and what else the owner adds (the escaper).
    pub(crate) fingerprint: [u8; 32],
    /// Bytes of a signature.
    pub(crate) signature_len: u32,
    /// Number of bands.
    pub(crate) bands: u32,
    /// Functions, with and without a signature.
    pub(crate) functions: u32,
}

/// One section: an array of `count` numbers of `width` bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Section {
    offset: usize,
    count: usize,
    width: usize,
    /// Of directories the number of leading bits.
    pub(crate) parameter: u32,
}

/// Writes an image. Sections are appended in the order of their numbers.
#[derive(Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    sections: Vec<Section>,
    expected: usize,
}

impl Writer {
    /// Room for the header and `sections` sections.
    pub(crate) fn new(sections: usize, capacity: usize) -> Self {
        let head = HEADER + sections * ENTRY;
        let mut bytes = Vec::with_capacity(head + capacity + PADDING);
        bytes.resize(head, 0);
        Self { bytes, sections: Vec::with_capacity(sections), expected: sections }
    }

    /// The next section.
    pub(crate) fn section(&mut self, numbers: impl IntoIterator<Item = u64>, width: usize) {
        self.section_with(numbers, width, 0);
    }

    /// The next section, with a parameter.
    pub(crate) fn section_with(
        &mut self,
        numbers: impl IntoIterator<Item = u64>,
        width: usize,
        parameter: u32,
    ) {
        let offset = self.bytes.len();
        let count = append(&mut self.bytes, numbers, width);
        self.sections.push(Section { offset, count, width, parameter });
    }

    /// The next section, of bytes that are there already.
    pub(crate) fn raw(&mut self, bytes: &[u8], width: usize) {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.sections.push(Section { offset, count: bytes.len() / width.max(1), width, parameter: 0 });
    }

    /// The image.
    pub(crate) fn finish(mut self, facts: &Facts) -> Vec<u8> {
        debug_assert_eq!(self.sections.len(), self.expected);
        self.bytes.resize(self.bytes.len() + PADDING, 0);
        self.bytes.shrink_to_fit();
        let mut head = Vec::with_capacity(HEADER + self.sections.len() * ENTRY);
        head.extend(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.extend((self.sections.len() as u32).to_le_bytes());
        head.extend((self.bytes.len() as u64).to_le_bytes());
        head.extend(facts.signature_len.to_le_bytes());
        head.extend(facts.bands.to_le_bytes());
        head.extend(facts.functions.to_le_bytes());
        head.extend([0; 4]);
        head.extend(facts.fingerprint);
        head.extend([0; 24]);
        debug_assert_eq!(head.len(), HEADER);
        for section in &self.sections {
            head.extend((section.offset as u64).to_le_bytes());
            head.extend((section.count as u64).to_le_bytes());
            head.extend((section.width as u32).to_le_bytes());
            head.extend(section.parameter.to_le_bytes());
        }
        self.bytes[..head.len()].copy_from_slice(&head);
        self.bytes
    }
}

/// The checksum that files of images carry: SHA-256.
pub fn checksum(image: &[u8]) -> [u8; 32] {
    Sha256::digest(image).into()
}

/// An image whose header and table have been read.
#[derive(Debug)]
pub(crate) struct Image {
    bytes: Vec<u8>,
    sections: Vec<Section>,
    facts: Facts,
}

impl Image {
    /// Reads header and table.
    pub(crate) fn open(bytes: Vec<u8>) -> Result<Self, ImageError> {
        let all = bytes.as_slice();
        let head = all.get(..HEADER).ok_or(ImageError::Truncated)?;
        if head[..8] != MAGIC {
            return Err(ImageError::NoImage);
        }
        let number =
            |at: usize| u64::from(u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let version = number(8) as u32;
        if version != VERSION {
            return Err(ImageError::Version { found: version, known: VERSION });
        }
        if number(16) | number(20) << 32 != all.len() as u64 {
            return Err(ImageError::Truncated);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(&head[40..72]);
        let facts = Facts {
            fingerprint,
            signature_len: number(24) as u32,
            bands: number(28) as u32,
            functions: number(32) as u32,
        };
        let count = number(12) as usize;
        let table = all.get(HEADER..HEADER.saturating_add(count.saturating_mul(ENTRY)));
        let table = table.filter(|_| count <= MAX_SECTIONS).ok_or(ImageError::Truncated)?;
        let mut sections = Vec::with_capacity(count);
        for entry in table.chunks_exact(ENTRY) {
            let word = |at: usize| {
                u64::from(u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]))
            };
            let (offset, count) = (word(0) | word(4) << 32, word(8) | word(12) << 32);
            let (width, parameter) = (word(16), word(20) as u32);
            let end = count.checked_mul(width).and_then(|bytes| bytes.checked_add(offset));
            let inside = end
                .and_then(|end| end.checked_add(PADDING as u64))
                .is_some_and(|end| end <= all.len() as u64);
            if !inside || width == 0 {
                return Err(ImageError::Damaged("a section lies outside of the image"));
            }
            sections.push(Section {
                offset: offset as usize,
                count: count as usize,
                width: width as usize,
                parameter,
            });
        }
        Ok(Self { bytes, sections, facts })
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn num_sections(&self) -> usize {
        self.sections.len()
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A section; an empty one if it is not there.
    pub(crate) fn section(&self, number: usize) -> Section {
        self.sections.get(number).copied().unwrap_or_default()
    }

    /// Numbers of a section.
    #[inline]
    pub(crate) fn packed(&self, number: usize) -> Packed<'_> {
        let section = self.section(number);
        Packed::new(self.bytes().get(section.offset..).unwrap_or_default(), section.width, section.count)
    }

    /// Bytes of a section.
    pub(crate) fn raw(&self, number: usize) -> &[u8] {
        let section = self.section(number);
        let end = section.offset.saturating_add(section.count.saturating_mul(section.width));
        self.bytes().get(section.offset..end).unwrap_or_default()
    }
}
