//! Headers and section table of a PE, read as leniently as lief 1.0 does (the library SMDA looks through): a truncated
//! section table gives the sections that are there, and the optional header's stated size only moves the section table.

use malkin_report::Budget;

use crate::bytes::{Bytes, until_nul};
use crate::limits::MAX_PE_SECTIONS;

/// Index of a data directory.
#[derive(Clone, Copy)]
pub(crate) enum Directory {
    Export = 0,
    Import = 1,
    Exception = 3,
    ImportAddress = 12,
    DelayImport = 13,
    ClrHeader = 14,
}

/// One row of the section table.
#[derive(Clone, Debug)]
pub(crate) struct SectionRow<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) virtual_size: u32,
    pub(crate) virtual_address: u32,
    pub(crate) raw_size: u32,
    pub(crate) raw_offset: u32,
    pub(crate) characteristics: u32,
}

impl SectionRow<'_> {
    /// Virtual size, or the raw size when that is 0, rounded up to pages.
    pub(crate) fn paged_size(&self) -> u64 {
        let size = if self.virtual_size == 0 { self.raw_size } else { self.virtual_size };
        u64::from(size).next_multiple_of(0x1000)
    }

    pub(crate) fn is_executable(&self) -> bool {
        self.characteristics & 0x2000_0000 != 0
    }
}

/// A PE whose headers are readable.
#[derive(Clone, Debug)]
pub(crate) struct Pe<'a> {
    pub(crate) bytes: Bytes<'a>,
    /// PE32+.
    pub(crate) wide: bool,
    pub(crate) image_base: u64,
    pub(crate) entry_point: u32,
    pub(crate) size_of_headers: u32,
    pub(crate) symbol_table: u32,
    pub(crate) symbol_count: u32,
    pub(crate) sections: Vec<SectionRow<'a>>,
    directories: Vec<(u32, u32)>,
    section_alignment: u64,
    file_alignment: u64,
}

/// Size of the COFF header with its signature.
const COFF: u64 = 24;
/// Sections that are compared for one unit of work.
const ROWS_PER_UNIT: u64 = 4;
/// Most data directories a header has.
const MAX_DIRECTORIES: u32 = 16;

impl<'a> Pe<'a> {
    /// Reads the headers. `None` where lief refuses the file.
    pub(crate) fn parse(data: &'a [u8], budget: &'a Budget<'a>) -> Option<Self> {
        let bytes = Bytes::little(data).within(budget);
        if bytes.upto(0, 2) != b"MZ" || bytes.len() < 64 {
            return None;
        }
        let at = u64::from(bytes.u32(0x3c)?);
        if bytes.exact(at, 4)? != b"PE\0\0" {
            return None;
        }
        let optional = at + COFF;
        // A wrong magic is decided by the size the optional header states.
        let wide = match (bytes.u16(optional)?, bytes.u16(at + 20)?) {
            (0x10b, _) => false,
            (0x20b, _) | (_, 0xf0) => true,
            (_, 0xe0) => false,
            _ => return None,
        };
        let fixed = if wide { 0x70 } else { 0x60 };
        bytes.exact(optional, fixed)?;
        let stated = bytes.u32(optional + fixed - 4)?.min(MAX_DIRECTORIES);
        let directories = (0..u64::from(stated))
            .map_while(|index| {
                let row = optional + fixed + 8 * index;
                Some((bytes.u32(row)?, bytes.u32(row + 4)?))
            })
            .collect();
        let table = optional + u64::from(bytes.u16(at + 20)?);
        let count = u64::from(bytes.u16(at + 6)?).min(MAX_PE_SECTIONS);
        let sections = (0..count).map_while(|index| section_row(bytes, table + 40 * index)).collect();
        Some(Self {
            bytes,
            wide,
            image_base: if wide { bytes.u64(optional + 24)? } else { u64::from(bytes.u32(optional + 28)?) },
            entry_point: bytes.u32(optional + 16)?,
            size_of_headers: bytes.u32(optional + 60)?,
            symbol_table: bytes.u32(at + 12)?,
            symbol_count: bytes.u32(at + 16)?,
            sections,
            directories,
            section_alignment: u64::from(bytes.u32(optional + 32)?),
            file_alignment: u64::from(bytes.u32(optional + 36)?),
        })
    }

    /// RVA and size of a data directory that is present.
    pub(crate) fn directory(&self, which: Directory) -> Option<(u32, u32)> {
        self.directories.get(which as usize).copied()
    }

    /// File offset of an RVA: through the first section holding it, with raw offsets rounded up to the file alignment; an
    /// RVA in no section is its own offset.
    pub(crate) fn offset(&self, rva: u64) -> u64 {
        // All sections may have to be looked at; once the budget has ended, whatever is read there is nothing.
        self.bytes.work(1 + self.sections.len() as u64 / ROWS_PER_UNIT);
        let holder = self.sections.iter().find(|section| {
            let start = u64::from(section.virtual_address);
            start <= rva && rva < start + u64::from(section.virtual_size.max(section.raw_size))
        });
        let Some(section) = holder else { return rva };
        let step = if self.section_alignment < 0x1000 { self.file_alignment } else { self.section_alignment };
        let start = crate::mapping::round_up(u64::from(section.virtual_address), step);
        let raw = crate::mapping::round_up(u64::from(section.raw_offset), self.file_alignment);
        rva.wrapping_sub(start).wrapping_add(raw)
    }

    /// Text at an RVA.
    pub(crate) fn name_at(&self, rva: u64) -> Option<&'a [u8]> {
        self.bytes.c_bytes(self.offset(rva))
    }
}

fn section_row(bytes: Bytes<'_>, at: u64) -> Option<SectionRow<'_>> {
    bytes.exact(at, 40)?;
    Some(SectionRow {
        name: until_nul(bytes.exact(at, 8)?),
        virtual_size: bytes.u32(at + 8)?,
        virtual_address: bytes.u32(at + 12)?,
        raw_size: bytes.u32(at + 16)?,
        raw_offset: bytes.u32(at + 20)?,
        characteristics: bytes.u32(at + 36)?,
    })
}
