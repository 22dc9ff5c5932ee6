//! The header bytes a report keeps, and the hash of the PE header that links builds of one program.

use sha2::{Digest, Sha256};

use crate::bytes::Bytes;
use crate::limits::{HEADER_CAP_ELF, HEADER_CAP_MACHO, HEADER_CAP_PE, HEADER_SIZE_DEX};
use crate::macho::MachO;
use crate::pe::Pe;

/// Bytes up to `size`, at most `cap`.
fn region(data: &[u8], start: u64, size: u64, cap: usize) -> &[u8] {
    Bytes::little(data).upto(start, size.min(cap as u64))
}

fn without_trailing_zeros(data: &[u8]) -> Vec<u8> {
    let end = data.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    data.get(..end).unwrap_or(data).to_vec()
}

/// The PE header up to the end of the section table, or the stated header size if that is more and free of sections.
fn pe_region<'a>(data: &'a [u8], pe: &Pe<'_>) -> &'a [u8] {
    /// Rows of the section table looked at.
    const MAX_ROWS: u64 = 4096;
    let bytes = Bytes::little(data);
    let at = bytes.u32(0x3c).map_or(0, u64::from);
    let table = at + 24 + bytes.u16(at + 20).map_or(0, u64::from);
    let count = bytes.u16(at + 6).map_or(0, u64::from);
    let table_end = table + count * 40;
    let offsets = (0..count.min(MAX_ROWS)).map_while(|index| bytes.u32(table + 40 * index + 20));
    let stated = u64::from(pe.size_of_headers);
    let first_raw = offsets.filter(|&offset| offset > 0).min().map(u64::from);
    let first_raw = first_raw.unwrap_or(if stated == 0 { table_end } else { stated });
    let size = if stated == 0 { first_raw } else { stated.min(first_raw) };
    region(data, 0, table_end.max(size), HEADER_CAP_PE)
}

/// Header bytes of a PE.
pub(crate) fn pe_bytes(data: &[u8], pe: &Pe<'_>) -> Vec<u8> {
    without_trailing_zeros(pe_region(data, pe))
}

/// SHA-256 of the PE header with symbol table pointer, image size and checksum zeroed, as hex. (The first of these is where
/// SMDA means to remove the time stamp.)
pub(crate) fn pe_hash(data: &[u8], pe: &Pe<'_>) -> String {
    let mut header = pe_region(data, pe).to_vec();
    let at = Bytes::little(&header).u32(0x3c).map_or(0, u64::from);
    for offset in [at + 12, at + 80, at + 88] {
        if offset + 4 <= header.len() as u64 {
            crate::mapping::place(&mut header, offset, &[], 4);
        }
    }
    malkin_report::Sha256::new(Sha256::digest(&header).into()).to_string()
}

/// Header and program headers of an ELF.
pub(crate) fn elf_bytes(data: &[u8]) -> Vec<u8> {
    let wide = data.get(4) == Some(&2);
    let bytes = Bytes::ordered(data, data.get(5) != Some(&1));
    let half =
        |narrow: u64, wide_at: u64| bytes.u16(if wide { wide_at } else { narrow }).map_or(0, u64::from);
    let table = bytes.word(if wide { 0x20 } else { 0x1c }, wide).unwrap_or(0);
    let header = half(0x28, 0x34);
    let table_end = table.saturating_add(half(0x2a, 0x36) * half(0x2c, 0x38));
    let size = if table == 0 { header } else { header.max(table_end) };
    without_trailing_zeros(region(data, 0, size, HEADER_CAP_ELF))
}

/// Header and load commands of a Mach-O slice.
pub(crate) fn macho_bytes(data: &[u8], file: &MachO<'_>) -> Vec<u8> {
    let size = if file.wide { 32 } else { 28 } + u64::from(file.commands_size);
    without_trailing_zeros(region(data, file.slice_offset, size, HEADER_CAP_MACHO))
}

/// The DEX header.
pub(crate) fn dex_bytes(data: &[u8]) -> Vec<u8> {
    region(data, 0, HEADER_SIZE_DEX as u64, HEADER_SIZE_DEX).to_vec()
}
