//! Header, segments and sections of an ELF as lief 1.0 reads them.

use malkin_report::Budget;

use crate::bytes::{Bytes, NameBudget};
use crate::limits::{MAX_SECTIONS, MAX_SEGMENTS};

/// A program header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) file_size: u64,
    pub(crate) memory_size: u64,
    pub(crate) alignment: u64,
}

/// A section header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SectionRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) address: u64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) link: u32,
    pub(crate) alignment: u64,
}

/// Segment types.
pub(crate) const PT_LOAD: u32 = 1;
/// See [`PT_LOAD`].
pub(crate) const PT_DYNAMIC: u32 = 2;
/// Section types.
pub(crate) const SHT_SYMTAB: u32 = 2;
/// See [`SHT_SYMTAB`].
pub(crate) const SHT_RELA: u32 = 4;
/// See [`SHT_SYMTAB`].
pub(crate) const SHT_REL: u32 = 9;
/// See [`SHT_SYMTAB`].
pub(crate) const SHT_DYNSYM: u32 = 11;
/// Type of an executable with fixed addresses.
pub(crate) const ET_EXEC: u16 = 2;

/// An ELF whose header is readable.
#[derive(Clone, Debug)]
pub(crate) struct Elf<'a> {
    pub(crate) bytes: Bytes<'a>,
    /// 64-bit class.
    pub(crate) wide: bool,
    pub(crate) os_abi: u8,
    pub(crate) kind: u16,
    pub(crate) machine: u16,
    pub(crate) entry: u64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) sections: Vec<SectionRow<'a>>,
}

impl<'a> Elf<'a> {
    /// Reads the headers. `None` where lief refuses the file.
    pub(crate) fn parse(data: &'a [u8], budget: &'a Budget<'a>) -> Option<Self> {
        if data.get(..4)? != b"\x7fELF" {
            return None;
        }
        let byte = |at: usize| data.get(at).copied().unwrap_or(0);
        let machine = Bytes::little(data).u16(18).unwrap_or(0);
        let wide = is_wide(byte(4), machine);
        let big_endian = byte(5) == 2 && !is_little_endian_machine(machine);
        let bytes = Bytes::ordered(data, big_endian).within(budget);
        let at = |narrow: u64, wide_at: u64| if wide { wide_at } else { narrow };
        let half = |narrow: u64, wide_at: u64| bytes.u16(at(narrow, wide_at)).unwrap_or(0);
        let word = |narrow: u64, wide_at: u64| bytes.word(at(narrow, wide_at), wide).unwrap_or(0);
        let mut elf = Self {
            bytes,
            wide,
            os_abi: byte(7),
            kind: half(16, 16),
            machine: half(18, 18),
            entry: word(24, 24),
            segments: Vec::new(),
            sections: Vec::new(),
        };
        let segments = Table { start: word(28, 32), count: u64::from(half(44, 56)).min(MAX_SEGMENTS) };
        let sections = Table { start: word(32, 40), count: u64::from(half(48, 60)).min(MAX_SECTIONS) };
        let names = u64::from(half(50, 62));
        elf.segments = elf.read_segments(&segments);
        elf.sections = elf.read_sections(&sections, names);
        Some(elf)
    }

    /// Size of a pointer in bytes.
    pub(crate) fn pointer(&self) -> u64 {
        if self.wide { 8 } else { 4 }
    }

    fn read_segments(&self, table: &Table) -> Vec<Segment> {
        let size = if self.wide { 56 } else { 32 };
        if table.start == 0 {
            return Vec::new();
        }
        table.rows(size).map_while(|at| self.segment(at)).collect()
    }

    fn segment(&self, at: u64) -> Option<Segment> {
        let bytes = self.bytes;
        let word = |narrow: u64, wide: u64| {
            bytes.word(at.checked_add(if self.wide { wide } else { narrow })?, self.wide)
        };
        Some(Segment {
            kind: bytes.u32(at)?,
            flags: bytes.u32(at.checked_add(if self.wide { 4 } else { 24 })?)?,
            offset: word(4, 8)?,
            address: word(8, 16)?,
            file_size: word(16, 32)?,
            memory_size: word(20, 40)?,
            alignment: word(28, 48)?,
        })
    }

    fn read_sections(&self, table: &Table, names: u64) -> Vec<SectionRow<'a>> {
        let size = if self.wide { 64 } else { 40 };
        if table.start == 0 {
            return Vec::new();
        }
        let rows: Vec<(u32, SectionRow<'a>)> = table.rows(size).map_while(|at| self.section(at)).collect();
        let strings = usize::try_from(names).ok().and_then(|at| rows.get(at)).map(|(_, row)| row.offset);
        let mut budget = NameBudget::of(self.bytes.len());
        let named = |(name, row): (u32, SectionRow<'a>)| {
            let name = strings.and_then(|start| self.bytes.c_bytes(start.checked_add(u64::from(name))?));
            let name = name.and_then(|name| budget.keep_text(name));
            SectionRow { name: name.unwrap_or_default(), ..row }
        };
        rows.into_iter().map(named).collect()
    }

    fn section(&self, at: u64) -> Option<(u32, SectionRow<'a>)> {
        let bytes = self.bytes;
        let field = |narrow: u64, wide: u64| at.checked_add(if self.wide { wide } else { narrow });
        let word = |narrow: u64, wide: u64| bytes.word(field(narrow, wide)?, self.wide);
        bytes.exact(at, if self.wide { 64 } else { 40 })?;
        let row = SectionRow {
            name: "",
            kind: bytes.u32(field(4, 4)?)?,
            flags: word(8, 8)?,
            address: word(12, 16)?,
            offset: word(16, 24)?,
            size: word(20, 32)?,
            link: bytes.u32(field(24, 40)?)?,
            alignment: word(32, 48)?,
        };
        Some((bytes.u32(at)?, row))
    }

    /// The first section of a name.
    pub(crate) fn section_named(&self, name: &str) -> Option<&SectionRow<'a>> {
        self.sections.iter().find(|row| row.name == name)
    }

    /// File offset of a virtual address, through the loaded segments that lie in the file.
    pub(crate) fn offset(&self, address: u64) -> Option<u64> {
        let mut loads = self.segments.iter().filter(|segment| segment.kind == PT_LOAD);
        let holder = loads.find(|segment| {
            let inside = segment.address <= address && address - segment.address < segment.file_size;
            inside && self.bytes.exact(segment.offset, segment.file_size).is_some()
        })?;
        (address - holder.address).checked_add(holder.offset)
    }
}

/// A class that is neither 1 nor 2 is decided by the machine.
fn is_wide(class: u8, machine: u16) -> bool {
    match class {
        1 => false,
        2 => true,
        _ => !matches!(machine, 3 | 40 | 8 | 20 | 2),
    }
}

/// x86, x64, AArch64 and ARM machines as read little endian: they overrule a data encoding that says big endian for the
/// two that have no big-endian form, as lief does.
fn is_little_endian_machine(machine: u16) -> bool {
    matches!(machine, 3 | 62 | 183 | 40)
}

struct Table {
    start: u64,
    count: u64,
}

impl Table {
    /// Offsets of the rows. lief steps by the size of the structure, whatever the header states.
    fn rows(&self, size: u64) -> impl Iterator<Item = u64> {
        let start = self.start;
        (0..self.count).map_while(move |index| start.checked_add(size * index))
    }
}
