//! How SMDA maps an ELF: base address, size, content, code areas, architecture.

use malkin_report::Architecture;

use crate::elf::header::{ET_EXEC, Elf, PT_DYNAMIC, PT_LOAD, SectionRow, Segment};
use crate::image::Section;
use crate::mapping::{Budget, area, blank_image, merge_areas, place, round_up, round_up_wide};
use crate::options::LoadError;

/// Largest gap between the segment with the ELF header and the first section for it to belong to the image, in bytes.
const MAX_HEADER_GAP: u64 = 0x1_0000;
/// Entries of a dynamic table looked at when deciding whether an image is mapped.
const MAX_DYNAMIC_ENTRIES: u64 = 1024;

/// Name and bitness of a machine, and whether SMDA disassembles it. `None` for unnamed machines.
pub(crate) fn machine(elf: &Elf<'_>) -> Option<(Architecture, u32)> {
    let other = |name: &str| Architecture::Other(name.to_owned());
    let by_class = if elf.wide { 64 } else { 32 };
    Some(match elf.machine {
        62 => (Architecture::Intel, 64),
        3 => (Architecture::Intel, 32),
        183 => (Architecture::Aarch64, 64),
        40 if elf.bytes.u8(5) == Some(2) => (other("armeb"), 32),
        40 => (Architecture::Arm, 32),
        21 => (other("ppc"), 64),
        20 => (other("ppc"), 32),
        43 => (other("sparc"), 64),
        2 => (other("sparc"), 32),
        8 => (other("mips"), by_class),
        243 => (other("riscv"), by_class),
        4 => (other("m68k"), by_class),
        42 => (other("sh"), by_class),
        113 => (other("nios2"), by_class),
        92 => (other("openrisc"), by_class),
        94 => (other("xtensa"), by_class),
        _ => return None,
    })
}

/// Name of the OS ABI, empty for unnamed ones. Spelling of lief.
pub(crate) fn abi(elf: &Elf<'_>) -> &'static str {
    match elf.os_abi {
        0 => "SYSTEMV",
        1 => "HPUX",
        2 => "NETBSD",
        3 => "LINUX",
        4 => "HURD",
        6 => "SOLARIS",
        7 => "AIX",
        8 => "IRIX",
        9 => "FREEBSD",
        10 => "TRU64",
        11 => "MODESTO",
        12 => "OPENBSD",
        13 => "OPENVMS",
        14 => "NSK",
        15 => "AROS",
        16 => "FENIXOS",
        17 => "CLOUDABI",
        64 => "AMDGPU_HSA",
        65 => "C6000_LINUX",
        97 => "ARM",
        255 => "STANDALONE",
        _ => "",
    }
}

/// Sections whose addresses cannot be meant: the highest end lies more than 2^63-1 above `base`.
fn has_bogus_sections(elf: &Elf<'_>, base: u64) -> bool {
    let highest =
        mapped_sections(elf).map(|row| u128::from(row.address) + u128::from(row.size)).max().unwrap_or(0);
    highest.saturating_sub(u128::from(base)) > i64::MAX as u128
}

fn mapped_sections<'e, 'a>(elf: &'e Elf<'a>) -> impl Iterator<Item = &'e SectionRow<'a>> {
    elf.sections.iter().filter(|row| row.address != 0)
}

fn mapped_segments<'e>(elf: &'e Elf<'_>) -> impl Iterator<Item = &'e Segment> {
    elf.segments.iter().filter(|segment| segment.address != 0)
}

fn loads<'e>(elf: &'e Elf<'_>) -> impl Iterator<Item = &'e Segment> {
    elf.segments.iter().filter(|segment| segment.kind == PT_LOAD)
}

/// Address of the image start.
pub(crate) fn base_address(elf: &Elf<'_>) -> u64 {
    if has_bogus_sections(elf, 0) {
        return mapped_segments(elf).map(|segment| segment.address).min().unwrap_or(0);
    }
    let by_section = mapped_sections(elf).filter_map(|row| row.address.checked_sub(row.offset)).min();
    let Some(base) = by_section else {
        return loads(elf)
            .filter_map(|segment| segment.address.checked_sub(segment.offset))
            .min()
            .unwrap_or(0);
    };
    let with_header =
        loads(elf).filter(|segment| segment.offset == 0 && segment.address < base).filter(|segment| {
            let end = u128::from(segment.address) + u128::from(segment.memory_size);
            u128::from(base) <= end + u128::from(MAX_HEADER_GAP)
        });
    with_header.map(|segment| segment.address).min().unwrap_or(base)
}

/// The mapped image: all segments, largest first, over them all sections, largest first, and the header.
///
/// Sections without file content are filled with whatever the file holds at their offset, as SMDA sees them through lief.
pub(crate) fn map(elf: &Elf<'_>, limit: u64) -> Result<Vec<u8>, LoadError> {
    let base = base_address(elf);
    let bogus = has_bogus_sections(elf, base);
    let sections: Vec<&SectionRow<'_>> = mapped_sections(elf).filter(|_| !bogus).collect();
    let section_ends = sections.iter().map(|row| u128::from(row.address) + u128::from(row.size));
    let segment_ends = mapped_segments(elf).map(|row| u128::from(row.address) + u128::from(row.memory_size));
    let highest = section_ends.chain(segment_ends).max().unwrap_or(0);
    if highest == 0 {
        return Ok(Vec::new());
    }
    let size = u64::try_from(highest.saturating_sub(u128::from(base))).unwrap_or(u64::MAX);
    if size > limit {
        return Err(LoadError::TooLarge { size, limit });
    }
    let mut image = blank_image(round_up(size, 0x1000), round_up(limit, 0x1000))?;
    map_segments(elf, &mut image, base);
    map_sections(elf, &mut image, base, sections.clone());
    let offsets =
        sections.iter().map(|row| row.offset).chain(mapped_segments(elf).map(|segment| segment.offset));
    let lowest = offsets.min().unwrap_or(0);
    let header = elf.bytes.upto(0, lowest);
    place(&mut image, 0, header, header.len() as u64);
    Ok(image)
}

fn map_segments(elf: &Elf<'_>, image: &mut [u8], base: u64) {
    let mut segments: Vec<&Segment> = mapped_segments(elf).collect();
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.file_size));
    let mut budget = Budget::new(image.len());
    for segment in segments {
        let Some(at) = segment.address.checked_sub(base) else { continue };
        if budget.spend(at, segment.file_size) {
            place(image, at, segment_content(elf, segment), segment.file_size);
        }
    }
}

fn map_sections(elf: &Elf<'_>, image: &mut [u8], base: u64, mut sections: Vec<&SectionRow<'_>>) {
    sections.sort_by_key(|row| std::cmp::Reverse(row.size));
    let mut budget = Budget::new(image.len());
    for row in sections {
        let Some(at) = row.address.checked_sub(base) else { continue };
        if budget.spend(at, row.size) {
            place(image, at, section_content(elf, row), row.size);
        }
    }
}

/// Content of a segment; none of it when it does not lie in the file as a whole, unless it begins where the file does.
pub(crate) fn segment_content<'a>(elf: &Elf<'a>, segment: &Segment) -> &'a [u8] {
    match elf.bytes.exact(segment.offset, segment.file_size) {
        Some(content) => content,
        None if segment.offset == 0 => elf.bytes.data(),
        None => &[],
    }
}

/// Content of a section, like [`segment_content`]. What the type says about having any does not matter.
fn section_content<'a>(elf: &Elf<'a>, row: &SectionRow<'_>) -> &'a [u8] {
    elf.bytes.exact(row.offset, row.size).unwrap_or_default()
}

/// Executable sections and segments, merged.
pub(crate) fn code_areas(elf: &Elf<'_>) -> Vec<(u64, u128)> {
    let sections = elf.sections.iter().filter(|row| row.flags & 4 != 0);
    let segments = elf.segments.iter().filter(|segment| segment.flags & 1 != 0);
    let by_section = sections.map(|row| (row.address, round_up_wide(row.size, row.alignment)));
    let by_segment =
        segments.map(|segment| (segment.address, round_up_wide(segment.memory_size, segment.alignment)));
    let areas = by_section.chain(by_segment).filter(|&(_, size)| size > 0);
    merge_areas(areas.map(|(start, size)| area(start, size)).collect())
}

/// All sections.
pub(crate) fn sections(elf: &Elf<'_>) -> Vec<Section> {
    let section = |row: &SectionRow<'_>| Section {
        name: row.name.to_owned(),
        start: row.address,
        end: u128::from(row.address) + u128::from(row.size),
    };
    elf.sections.iter().map(section).collect()
}

/// Entry point relative to the base address, or as it is when it lies below.
pub(crate) fn entry(elf: &Elf<'_>, base: u64) -> u64 {
    if base != 0 { elf.entry.checked_sub(base).unwrap_or(elf.entry) } else { elf.entry }
}

/// Ranges of the sections named as procedure linkage tables.
pub(crate) fn plt_ranges(elf: &Elf<'_>) -> Vec<(u64, u64)> {
    let named =
        elf.sections.iter().filter(|row| matches!(row.name, ".plt" | ".plt.sec" | ".plt.got" | ".iplt"));
    named
        .filter(|row| row.address != 0 && row.size != 0)
        .map(|row| (row.address, row.address.saturating_add(row.size)))
        .collect()
}

/// Addresses of `.got.plt`, then `.got`.
pub(crate) fn got_bases(elf: &Elf<'_>) -> Vec<u64> {
    let named = |name: &'static str| mapped_sections(elf).filter(move |row| row.name == name);
    named(".got.plt").chain(named(".got")).map(|row| row.address).collect()
}

/// Whether the image may be placed anywhere.
pub(crate) fn is_position_independent(elf: &Elf<'_>) -> bool {
    elf.kind != ET_EXEC
}

/// Whether the bytes at an offset read as a dynamic table with a string and a symbol table.
fn is_dynamic_table(elf: &Elf<'_>, offset: u64, size: u64) -> bool {
    let entry = 2 * elf.pointer();
    let room = size.min(elf.bytes.len().saturating_sub(offset));
    let (mut strings, mut symbols) = (false, false);
    for index in 0..(room / entry).min(MAX_DYNAMIC_ENTRIES) {
        match elf.bytes.word(offset + entry * index, elf.wide) {
            Some(0) => return strings && symbols,
            Some(5) => strings = true,
            Some(6) => symbols = true,
            _ => {}
        }
    }
    false
}

/// The file layout of an image whose segments lie at their addresses, without section headers. `None` when the bytes are
/// no mapped image: the dynamic table must be at its address and not at its file offset.
pub(crate) fn unmap(elf: &Elf<'_>) -> Option<Vec<u8>> {
    let data = elf.bytes.data();
    if data.len() < 0x40 || !matches!(data.get(4)?, 1 | 2) {
        return None;
    }
    let image_base = loads(elf).find(|segment| segment.offset == 0)?.address;
    let mut tables = elf.segments.iter().filter(|segment| segment.kind == PT_DYNAMIC);
    let (Some(table), None) = (tables.next(), tables.next()) else { return None };
    let mapped_at = table.address.checked_sub(image_base)?;
    if mapped_at == table.offset
        || is_dynamic_table(elf, table.offset, table.file_size)
        || !is_dynamic_table(elf, mapped_at, table.file_size)
    {
        return None;
    }
    let size = loads(elf).map(|segment| segment.offset.saturating_add(segment.file_size)).max()?;
    if size > data.len() as u64 {
        return None;
    }
    let mut view = vec![0; usize::try_from(size).ok()?];
    let mut budget = Budget::new(view.len());
    for segment in loads(elf) {
        let Some(source) = segment.address.checked_sub(image_base) else { continue };
        let content = elf.bytes.upto(source, segment.file_size);
        if budget.spend(segment.offset, content.len() as u64) {
            place(&mut view, segment.offset, content, content.len() as u64);
        }
    }
    let (table_offset, table_size, counts) = if elf.wide { (0x28, 8, 0x3c) } else { (0x20, 4, 0x30) };
    place(&mut view, table_offset, &[], table_size);
    place(&mut view, counts, &[], 4);
    Some(view)
}
