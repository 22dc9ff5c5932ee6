//! How SMDA maps a PE: from the raw headers, not through lief, so that files lief refuses are still mapped. Sizes are not
//! rounded, `SizeOfImage` and the alignments play no role, relocations are not applied.

use malkin_report::Architecture;

use crate::bytes::Bytes;
use crate::mapping::{Budget, blank_image, place};
use crate::options::LoadError;

/// Offset of the PE header; 0 when there is none.
fn header_offset(bytes: Bytes<'_>) -> u64 {
    if bytes.len() < 0x40 { 0 } else { bytes.u32(0x3c).map_or(0, u64::from) }
}

/// Offset of the PE header in a file; 0 when there is none.
pub(crate) fn pe_offset(data: &[u8]) -> u64 {
    header_offset(Bytes::little(data))
}

/// COFF machine, if a PE signature is in front of it.
pub(crate) fn machine(data: &[u8]) -> Option<u16> {
    let bytes = Bytes::little(data);
    let at = header_offset(bytes);
    if at == 0 || bytes.exact(at, 4)? != b"PE\0\0" {
        return None;
    }
    bytes.u16(at + 4)
}

/// Bitness of the machine, 0 when unknown.
pub(crate) fn bitness(data: &[u8]) -> u32 {
    match machine(data) {
        Some(0x14c | 0x1c0 | 0x1c2 | 0x1c4) => 32,
        Some(0x8664 | 0xaa64) => 64,
        _ => 0,
    }
}

/// Architecture of the machine.
pub(crate) fn architecture(data: &[u8]) -> Option<Architecture> {
    match machine(data)? {
        0x14c | 0x8664 => Some(Architecture::Intel),
        0xaa64 => Some(Architecture::Aarch64),
        0x1c0 | 0x1c2 | 0x1c4 => Some(Architecture::Arm),
        _ => None,
    }
}

/// Image base; 0 for unknown machines.
pub(crate) fn base_address(data: &[u8]) -> u64 {
    let bytes = Bytes::little(data);
    let at = header_offset(bytes);
    if at == 0 {
        return 0;
    }
    match bitness(data) {
        32 => bytes.u32(at + 0x34).map_or(0, u64::from),
        64 => bytes.u64(at + 0x30).unwrap_or(0),
        _ => 0,
    }
}

struct RawSection {
    virtual_size: u64,
    virtual_address: u64,
    raw_size: u64,
    raw_offset: u64,
}

/// All rows of the section table, or none when the table leaves the file.
fn section_table(bytes: Bytes<'_>, wide: bool) -> Option<Vec<RawSection>> {
    let at = header_offset(bytes);
    let count = u64::from(bytes.u16(at + 6)?);
    let stated = u64::from(bytes.u16(at + 0x14).unwrap_or(0));
    let table = at
        + match (stated, wide) {
            (0, false) => 0xf8,
            (0, true) => 0x108,
            (size, _) => 0x18 + size,
        };
    bytes.exact(table, count * 0x28)?;
    (0..count)
        .map(|index| {
            let row = table + index * 0x28 + 8;
            Some(RawSection {
                virtual_size: u64::from(bytes.u32(row)?),
                virtual_address: u64::from(bytes.u32(row + 4)?),
                raw_size: u64::from(bytes.u32(row + 8)?),
                raw_offset: u64::from(bytes.u32(row + 12)?),
            })
        })
        .collect()
}

/// The mapped image: header, then every section in table order.
pub(crate) fn map(data: &[u8], limit: u64) -> Result<Vec<u8>, LoadError> {
    let bytes = Bytes::little(data);
    if header_offset(bytes) == 0 {
        return Ok(Vec::new());
    }
    let sections = section_table(bytes, bitness(data) == 64).unwrap_or_default();
    let size = sections.iter().map(|row| row.virtual_address + row.virtual_size.max(row.raw_size)).max();
    let mut image = blank_image(size.unwrap_or(0), limit)?;
    let first_raw = sections.iter().map(|row| row.raw_offset).filter(|&offset| offset >= 0x200).min();
    let header = bytes.upto(0, first_raw.unwrap_or(u64::from(u32::MAX)));
    place(&mut image, 0, header, header.len() as u64);
    // A table has up to 65,535 rows, which may all show the whole file.
    let mut budget = Budget::new(image.len());
    for row in &sections {
        let content = bytes.upto(row.raw_offset, row.raw_size);
        if budget.spend(row.virtual_address, content.len() as u64) {
            place(&mut image, row.virtual_address, content, content.len() as u64);
        }
    }
    Ok(image)
}
