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
pub(crate) const SHT_STRTAB: u32 = 3;
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
    /// Segments and sections as the header states them.
    tables: [Table; 2],
}

impl<'a> Elf<'a> {
    /// Reads the headers. `None` where lief refuses the file.
    pub(crate) fn parse(data: &'a [u8], budget: &'a Budget<'a>) -> Option<Self> {
        if data.get(..4)? != b"\x7fELF" {
            return None;
        }
        let byte = |at: usize| data.get(at).copied().unwrap_or(0);
        let big_endian = is_big_endian(data);
        let bytes = Bytes::ordered(data, big_endian).within(budget);
        let machine = bytes.u16(18).unwrap_or(0);
        let wide = is_wide(byte(4), Bytes::little(data).u16(16).unwrap_or(0), machine)?;
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
            tables: [Table::default(); 2],
        };
        let segments = Table { start: word(28, 32), count: u64::from(half(44, 56)).min(MAX_SEGMENTS) };
        let sections = Table { start: word(32, 40), count: u64::from(half(48, 60)).min(MAX_SECTIONS) };
        let names = u64::from(half(50, 62));
        elf.segments = elf.read_segments(&segments);
        elf.sections = elf.read_sections(&sections, names);
        elf.tables = [segments, sections];
        Some(elf)
    }

    /// Size of the header in bytes.
    pub(crate) fn header_size(&self) -> u64 {
        if self.wide { 64 } else { 52 }
    }

    /// Offset of the table that comes first of those the header states, 0 without any.
    pub(crate) fn first_table(&self) -> u64 {
        self.tables.iter().filter(|table| table.start != 0).map(|table| table.start).min().unwrap_or(0)
    }

    /// Whether the header or a table it states is not whole in the file.
    pub(crate) fn is_truncated(&self) -> bool {
        let sizes = if self.wide { [56, 64] } else { [32, 40] };
        let mut ends = self.tables.iter().zip(sizes).filter(|(table, _)| table.start != 0);
        self.bytes.len() < self.header_size()
            || ends.any(|(table, size)| table.start.saturating_add(size * table.count) > self.bytes.len())
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

    /// The first loaded segment whose memory holds a virtual address.
    pub(crate) fn load_at(&self, address: u64) -> Option<&Segment> {
        self.loads_at(address).next()
    }

    /// The last loaded segment whose memory holds a virtual address.
    pub(crate) fn last_load_at(&self, address: u64) -> Option<&Segment> {
        self.loads_at(address).next_back()
    }

    fn loads_at(&self, address: u64) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments.iter().filter(move |segment| {
            let end = segment.address.wrapping_add(segment.memory_size);
            segment.kind == PT_LOAD && segment.address <= address && address < end
        })
    }

    /// File offset of a virtual address, through the loaded segment that holds it. Like lief, this does not check that the
    /// segment has so many bytes in the file.
    pub(crate) fn offset(&self, address: u64) -> Option<u64> {
        let holder = self.load_at(address)?;
        (address - holder.address).checked_add(holder.offset)
    }
}

/// [Machines](https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html) that exist in one byte order only.
const BIG_ENDIAN_ONLY: [u16; 6] = [
    2,  // EM_SPARC
    4,  // EM_68K
    22, // EM_S390
    43, // EM_SPARCV9
    46, // EM_H8_300
    92, // EM_OPENRISC
];
/// See [`BIG_ENDIAN_ONLY`].
const LITTLE_ENDIAN_ONLY: [u16; 8] = [
    3,      // EM_386
    50,     // EM_IA_64
    62,     // EM_X86_64
    76,     // EM_CRIS
    113,    // EM_ALTERA_NIOS2
    164,    // EM_HEXAGON
    258,    // EM_LOONGARCH
    0x9026, // EM_ALPHA
];
/// Machines of either byte order: the order in which `e_machine` reads as one of them counts.
const EITHER_ENDIAN: [u16; 8] = [
    8,   // EM_MIPS
    20,  // EM_PPC
    21,  // EM_PPC64
    40,  // EM_ARM
    42,  // EM_SH
    93,  // EM_ARC
    94,  // EM_XTENSA
    183, // EM_AARCH64
];

/// 64-bit machines with a 32-bit ABI, whose files have the 32-bit layout.
const NARROW_ABI: [u16; 3] = [
    50,  // EM_IA_64: ILP32 of HP-UX
    62,  // EM_X86_64: x32
    183, // EM_AARCH64: ILP32
];

/// Byte order of the header. `e_machine` decides where it can, before `EI_DATA`: Linux does not look at `EI_DATA` of
/// executables, so a changed byte there hides nothing.
fn is_big_endian(data: &[u8]) -> bool {
    let little = Bytes::little(data).u16(18).unwrap_or(0);
    let swapped = little.swap_bytes();
    let by_machine = |machine: u16| {
        if BIG_ENDIAN_ONLY.contains(&machine) {
            Some(true)
        } else if LITTLE_ENDIAN_ONLY.contains(&machine) {
            Some(false)
        } else {
            None
        }
    };
    by_machine(little).or_else(|| by_machine(swapped)).unwrap_or_else(|| {
        if EITHER_ENDIAN.contains(&little) {
            false
        } else if EITHER_ENDIAN.contains(&swapped) {
            true
        } else {
            data.get(5) == Some(&2)
        }
    })
}

/// Whether the file has the 64-bit layout. A machine of one width overrules `EI_CLASS` (the kernel goes by the machine),
/// except in relocatable objects and where the machine has an ABI of the stated width (x32, ILP32). `None` when neither
/// says it.
fn is_wide(class: u8, kind: u16, machine: u16) -> Option<bool> {
    const ET_REL: u16 = 1;
    let by_class = match class {
        1 => Some(false),
        2 => Some(true),
        _ => None,
    };
    let by_machine = match machine {
        // EM_PPC64, EM_SPARCV9, EM_IA_64, EM_X86_64, EM_AARCH64.
        21 | 43 | 50 | 62 | 183 => Some(true),
        // EM_386, EM_PPC, EM_ARM.
        3 | 20 | 40 => Some(false),
        _ => None,
    };
    match (by_class, by_machine) {
        (Some(class), Some(_)) if kind == ET_REL => Some(class),
        (Some(false), _) if NARROW_ABI.contains(&machine) => Some(false),
        (class, machine) => machine.or(class),
    }
}

#[derive(Clone, Copy, Debug, Default)]
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
