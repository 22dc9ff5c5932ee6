//! How long a file should be by its own headers. Mapping fills what a cut file lacks with zeros, as SMDA does, so a report of
//! one looks whole; this is how a caller finds out.

use malkin_report::Budget;

use crate::detect;
use crate::elf::Elf;
use crate::image::Format;
use crate::macho::{self, Wanted};
use crate::pe::Pe;

/// End of the last byte that the headers of an executable ask to load, as a file offset: the segments of ELF and Mach-O, the
/// sections of PE. More than the length of `data` means that the end of the file is missing. `None` for other files and
/// where the headers cannot be read.
pub fn stated_size(data: &[u8]) -> Option<u64> {
    let budget = Budget::for_size(data.len());
    match detect::format_of(data) {
        Format::Pe => {
            let pe = Pe::parse(data, &budget)?;
            let loaded = pe.sections.iter().filter(|row| row.raw_offset != 0 && row.raw_size != 0);
            loaded.map(|row| u64::from(row.raw_offset) + u64::from(row.raw_size).min(row.paged_size())).max()
        }
        Format::Elf => {
            let elf = Elf::parse(data, &budget)?;
            let loaded = elf.segments.iter().filter(|segment| segment.kind == crate::elf::PT_LOAD);
            loaded
                .filter(|segment| segment.file_size != 0)
                .map(|row| row.offset.saturating_add(row.file_size))
                .max()
        }
        Format::MachO => {
            let file = macho::parse(data, Wanted::default(), &budget)?;
            let loaded = file.segments.iter().filter(|segment| segment.file_size != 0);
            let ends = loaded.map(|segment| segment.offset.saturating_add(segment.file_size));
            Some(ends.max()?.saturating_add(file.slice_offset))
        }
        Format::DelphiKb | Format::Dex | Format::Other => None,
    }
}
