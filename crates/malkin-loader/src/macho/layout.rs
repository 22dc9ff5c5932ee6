//! How SMDA maps a Mach-O: base address, size, content, code areas, architecture.

use malkin_report::Architecture;

use crate::image::Section;
use crate::macho::header::{
    CPU_ARM, CPU_ARM64, CPU_POWERPC, CPU_POWERPC64, CPU_X86, CPU_X86_64, MachO, SectionRow, Segment,
};
use crate::mapping::{Budget, area, blank_image, merge_areas, place, round_up, round_up_wide};
use crate::options::LoadError;

/// Section attributes that say code: pure instructions, self-modifying code, some instructions.
const INSTRUCTIONS: u32 = 0x8000_0000 | 0x0400_0000 | 0x400;

/// Name and bitness of the CPU. `None` for unnamed ones.
pub(crate) fn machine(file: &MachO<'_>) -> Option<(Architecture, u32)> {
    let ppc = || Architecture::Other("ppc".to_owned());
    Some(match file.cpu {
        CPU_X86_64 => (Architecture::Intel, 64),
        CPU_X86 => (Architecture::Intel, 32),
        CPU_ARM64 => (Architecture::Aarch64, 64),
        CPU_ARM => (Architecture::Arm, 32),
        CPU_POWERPC64 => (ppc(), 64),
        CPU_POWERPC => (ppc(), 32),
        _ => return None,
    })
}

/// Address of the image start.
pub(crate) fn base_address(file: &MachO<'_>) -> u64 {
    let by_section = mapped_sections(file).filter_map(|row| row.address.checked_sub(row.offset));
    by_section.chain([file.image_base()]).min().unwrap_or(0)
}

/// What to add to addresses of the file when it is mapped at `base`. Unlike [`base_address`] this counts sections whose
/// offset is above their address.
pub(crate) fn adjustment(file: &MachO<'_>, base: u64) -> u64 {
    if base == 0 {
        return 0;
    }
    let by_section = mapped_sections(file).map(|row| i128::from(row.address) - i128::from(row.offset));
    let lowest = by_section.chain([i128::from(file.image_base())]).min().unwrap_or(0);
    base.wrapping_sub(lowest as u64)
}

fn mapped_sections<'m, 'a>(file: &'m MachO<'a>) -> impl Iterator<Item = &'m SectionRow<'a>> {
    file.sections.iter().filter(|row| row.address != 0)
}

fn mapped_segments<'m, 'a>(file: &'m MachO<'a>) -> impl Iterator<Item = &'m Segment<'a>> {
    file.segments.iter().filter(|segment| segment.address != 0)
}

/// The mapped image: segments, largest first, over them sections, largest first, and the header.
pub(crate) fn map(file: &MachO<'_>, whole: &[u8], limit: u64) -> Result<Vec<u8>, LoadError> {
    let base = base_address(file);
    let section_ends = mapped_sections(file).map(|row| u128::from(row.address) + u128::from(row.size));
    let segment_ends = mapped_segments(file).map(|row| u128::from(row.address) + u128::from(row.memory_size));
    let highest = section_ends.chain(segment_ends).max().unwrap_or(0);
    if highest == 0 {
        return Ok(Vec::new());
    }
    let size = u64::try_from(highest.saturating_sub(u128::from(base))).unwrap_or(u64::MAX);
    if size > limit {
        return Err(LoadError::TooLarge { size, limit });
    }
    let mut image = blank_image(round_up(size, 0x1000), round_up(limit, 0x1000))?;
    let mut budget = Budget::new(image.len());
    let mut rows: Vec<(u64, u64, &[u8])> = Vec::new();
    let mut segments: Vec<_> = mapped_segments(file).collect();
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.file_size));
    rows.extend(
        segments.iter().map(|segment| (segment.address, segment.file_size, segment_content(file, segment))),
    );
    let mut sections: Vec<_> = mapped_sections(file).collect();
    sections.sort_by_key(|row| std::cmp::Reverse(row.size));
    rows.extend(sections.iter().map(|row| (row.address, row.size, section_content(file, row))));
    for (address, size, content) in rows {
        let Some(at) = address.checked_sub(base) else { continue };
        if budget.spend(at, size) {
            place(&mut image, at, content, size);
        }
    }
    let section_offsets = mapped_sections(file).map(|row| row.offset);
    let lowest =
        section_offsets.chain(mapped_segments(file).map(|segment| segment.offset)).min().unwrap_or(0);
    let header = whole.get(..usize::try_from(lowest).unwrap_or(usize::MAX)).unwrap_or(whole);
    place(&mut image, 0, header, header.len() as u64);
    Ok(image)
}

fn segment_content<'a>(file: &MachO<'a>, segment: &Segment<'_>) -> &'a [u8] {
    file.bytes.exact(segment.offset, segment.file_size).unwrap_or_default()
}

/// Content of a section: a part of its segment, if that is whole. Sections at offset 0 have none.
fn section_content<'a>(file: &MachO<'a>, row: &SectionRow<'_>) -> &'a [u8] {
    let (start, size) = row.segment;
    let end = row.offset.checked_add(row.size);
    let inside = row.offset >= start && end.is_some_and(|end| end <= start.saturating_add(size));
    if row.offset == 0 || !inside || file.bytes.exact(start, size).is_none() {
        return &[];
    }
    file.bytes.exact(row.offset, row.size).unwrap_or_default()
}

/// Sections with instructions; without any, executable segments.
pub(crate) fn code_areas(file: &MachO<'_>) -> Vec<(u64, u128)> {
    let sections = file.sections.iter().filter(|row| row.flags & INSTRUCTIONS != 0);
    let by_section = sections.filter(|row| row.size > 0);
    let by_section: Vec<_> =
        by_section.map(|row| area(row.address, round_up_wide(row.size, u64::from(row.alignment)))).collect();
    if !by_section.is_empty() {
        return merge_areas(by_section);
    }
    let segments = mapped_segments(file).filter(|segment| segment.initial_protection & 4 != 0);
    let by_segment = segments.filter(|segment| segment.memory_size != 0);
    merge_areas(by_segment.map(|segment| area(segment.address, u128::from(segment.memory_size))).collect())
}

/// All sections, moved by `adjustment`.
pub(crate) fn sections(file: &MachO<'_>, adjustment: u64) -> Vec<Section> {
    let section = |row: &SectionRow<'_>| {
        let start = row.address.wrapping_add(adjustment);
        let name = std::str::from_utf8(row.name).unwrap_or_default().to_owned();
        Section { name, start, end: u128::from(start) + u128::from(row.size) }
    };
    file.sections.iter().map(section).collect()
}

/// Ranges of the import stub sections, moved by `adjustment`.
pub(crate) fn stub_ranges(file: &MachO<'_>, adjustment: u64) -> Vec<(u64, u64)> {
    let stubs = mapped_sections(file).filter(|row| matches!(row.name, b"__stubs" | b"__symbol_stub"));
    stubs
        .map(|row| row.address.wrapping_add(adjustment))
        .zip(mapped_sections(file).filter(|row| matches!(row.name, b"__stubs" | b"__symbol_stub")))
        .map(|(start, row)| (start, start.saturating_add(row.size)))
        .collect()
}

/// Addresses of all symbol stubs, moved by `adjustment`.
pub(crate) fn stubs(file: &MachO<'_>, adjustment: u64) -> impl Iterator<Item = u64> {
    /// Section type of symbol stubs.
    const SYMBOL_STUBS: u32 = 8;
    /// Stubs read from all sections, which may lie over one another. Large programs have some thousand.
    const MAX_STUBS: u64 = 262_144;
    let most = (file.bytes.len() / 2).min(MAX_STUBS);
    let sections = file.sections.iter().filter(|row| row.flags & 0xff == SYMBOL_STUBS && row.stub_size != 0);
    let stubs = sections.flat_map(move |row| {
        let step = u64::from(row.stub_size);
        let size = if section_content(file, row).is_empty() { 0 } else { row.size };
        let row = *row;
        (0..(size / step).min(MAX_STUBS)).filter_map(move |index| {
            let address = row.address.checked_add(step * index)?;
            (address != 0).then(|| address.wrapping_add(adjustment))
        })
    });
    stubs.take(usize::try_from(most).unwrap_or(usize::MAX))
}
