//! Header, load commands, segments and sections of a Mach-O, thin or as a slice of a universal file.

use malkin_report::Budget;

use crate::bytes::{Bytes, until_nul};
use crate::limits::{MAX_COMMANDS, MAX_SECTIONS};

/// A segment command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) address: u64,
    pub(crate) memory_size: u64,
    pub(crate) offset: u64,
    pub(crate) file_size: u64,
    pub(crate) initial_protection: u32,
}

/// A section of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SectionRow<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) offset: u64,
    /// Power of two, as stated.
    pub(crate) alignment: u32,
    pub(crate) flags: u32,
    /// First entry of the indirect symbol table, for sections of stubs and pointers (`reserved1`).
    pub(crate) first_indirect: u32,
    /// Size of a stub, for stub sections (`reserved2`).
    pub(crate) stub_size: u32,
    /// Offset and size in the file of the segment the section is of.
    pub(crate) segment: (u64, u64),
}

/// Entry point as a command states it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    /// Offset from the image base.
    Main(u64),
    /// Address.
    Thread(u64),
}

/// Where tables of the link-edit segment lie, as offset and size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkEdit {
    pub(crate) symbols: (u64, u64),
    pub(crate) strings: (u64, u64),
    pub(crate) binds: [(u64, u64); 3],
    pub(crate) exports: (u64, u64),
    pub(crate) chained_fixups: (u64, u64),
    /// Offset and number of entries of the indirect symbol table.
    pub(crate) indirect_symbols: (u64, u64),
    /// Whether there is dyld info, even without bindings.
    pub(crate) has_dyld_info: bool,
}

/// Where a table lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Inside the content of a segment.
    Inside,
    /// It begins in a segment and leaves its content.
    Across,
    /// No segment has its first byte.
    Nowhere,
}

/// A Mach-O whose header is readable. Offsets are relative to the slice.
#[derive(Clone, Debug)]
pub(crate) struct MachO<'a> {
    pub(crate) bytes: Bytes<'a>,
    /// Offset of the slice in the file.
    pub(crate) slice_offset: u64,
    pub(crate) wide: bool,
    pub(crate) cpu: u32,
    pub(crate) commands_size: u32,
    pub(crate) segments: Vec<Segment<'a>>,
    pub(crate) sections: Vec<SectionRow<'a>>,
    pub(crate) libraries: Vec<&'a [u8]>,
    pub(crate) entry: Option<Entry>,
    pub(crate) link_edit: LinkEdit,
}

/// CPU types.
pub(crate) const CPU_X86: u32 = 7;
/// See [`CPU_X86`].
pub(crate) const CPU_X86_64: u32 = 0x0100_0007;
/// See [`CPU_X86`].
pub(crate) const CPU_ARM: u32 = 12;
/// See [`CPU_X86`].
pub(crate) const CPU_ARM64: u32 = 0x0100_000c;
/// See [`CPU_X86`].
pub(crate) const CPU_POWERPC: u32 = 18;
/// See [`CPU_X86`].
pub(crate) const CPU_POWERPC64: u32 = 0x0100_0012;

impl<'a> MachO<'a> {
    /// Reads a thin Mach-O that is the part of a file from `slice_offset`.
    pub(crate) fn parse(data: &'a [u8], slice_offset: u64, budget: &'a Budget<'a>) -> Option<Self> {
        let (wide, big_endian) = match data.get(..4)? {
            b"\xce\xfa\xed\xfe" => (false, false),
            b"\xcf\xfa\xed\xfe" => (true, false),
            b"\xfe\xed\xfa\xce" => (false, true),
            b"\xfe\xed\xfa\xcf" => (true, true),
            _ => return None,
        };
        let bytes = Bytes::ordered(data, big_endian).within(budget);
        let mut file = Self {
            bytes,
            slice_offset,
            wide,
            cpu: bytes.u32(4)?,
            commands_size: bytes.u32(20)?,
            segments: Vec::new(),
            sections: Vec::new(),
            libraries: Vec::new(),
            entry: None,
            link_edit: LinkEdit::default(),
        };
        let mut at = if wide { 32 } else { 28 };
        // Commands that do not fit into the file are none.
        let fit = at + u64::from(file.commands_size) <= bytes.len();
        let count = if fit { bytes.u32(16)?.min(MAX_COMMANDS) } else { 0 };
        for _ in 0..count {
            let (Some(command), Some(size)) = (bytes.u32(at), bytes.u32(at + 4)) else { break };
            let size = u64::from(size);
            // A command whose fields leave the file is passed over. Its stated size only says where the next one begins: the fields
            // are there in any case.
            let _ = file.command(command, at, size);
            // lief reads a command of size 0 again and again; once more gives nothing new.
            if size == 0 {
                break;
            }
            at += size;
        }
        file.drop_broken_tables();
        Some(file)
    }

    /// Forgets tables that lief does not read, as [`Place`] says. Bindings, exports and fixups are read inside a segment only;
    /// symbols and indirect symbols are read from the file where no segment has them.
    fn drop_broken_tables(&mut self) {
        let mut tables = self.link_edit;
        for table in tables.binds.iter_mut().chain([&mut tables.exports, &mut tables.chained_fixups]) {
            if self.place(table.0, table.1) != Place::Inside {
                *table = (0, 0);
            }
        }
        let (symbols, count) = tables.symbols;
        let symbols_size = count * if self.wide { 16 } else { 12 };
        let (strings, strings_size) = tables.strings;
        let is_readable = match (self.place(symbols, symbols_size), self.place(strings, strings_size)) {
            (Place::Nowhere, _) | (_, Place::Nowhere) => {
                let in_file = |at, size| self.bytes.exact(at, size).is_some();
                in_file(symbols, symbols_size) && in_file(strings, strings_size)
            }
            places => places == (Place::Inside, Place::Inside),
        };
        if !is_readable {
            (tables.symbols, tables.strings) = ((0, 0), (0, 0));
        }
        let (indirect, count) = tables.indirect_symbols;
        if self.place(indirect, 4 * count) == Place::Across {
            tables.indirect_symbols = (0, 0);
        }
        self.link_edit = tables;
    }

    /// Where a table lies. Of segments over one another the one that begins last holds an offset.
    fn place(&self, offset: u64, size: u64) -> Place {
        let before = self.segments.iter().filter(|segment| segment.file_size > 0 && segment.offset <= offset);
        let Some(holder) = before.max_by_key(|segment| segment.offset) else { return Place::Nowhere };
        let start = offset - holder.offset;
        if start >= holder.file_size {
            return Place::Nowhere;
        }
        // A segment that the file does not hold as a whole has no content.
        let content =
            self.bytes.exact(holder.offset, holder.file_size).map_or(0, |content| content.len() as u64);
        if start.saturating_add(size) <= content { Place::Inside } else { Place::Across }
    }

    /// Address of the `__TEXT` segment.
    pub(crate) fn image_base(&self) -> u64 {
        self.segments.iter().find(|segment| segment.name == b"__TEXT").map_or(0, |segment| segment.address)
    }

    fn command(&mut self, command: u32, at: u64, size: u64) -> Option<()> {
        let bytes = self.bytes;
        let field = |offset: u64| bytes.u32(at + offset);
        let range = |offset: u64| Some((u64::from(field(offset)?), u64::from(field(offset + 4)?)));
        match command & 0x7fff_ffff {
            // Either command has the layout of the file's class.
            0x1 | 0x19 => self.segment(at, self.wide)?,
            0x2 => {
                self.link_edit.symbols = range(8)?;
                self.link_edit.strings = range(16)?;
            }
            0x5 => self.thread(at, size)?,
            0x28 => self.entry = Some(Entry::Main(bytes.u64(at + 8)?)),
            0xb => self.link_edit.indirect_symbols = range(56)?,
            0x22 => {
                self.link_edit.has_dyld_info = true;
                self.link_edit.binds = [range(16)?, range(24)?, range(32)?];
                if self.link_edit.exports.1 == 0 {
                    self.link_edit.exports = range(40)?;
                }
            }
            0x33 => self.link_edit.exports = range(8)?,
            0x34 => self.link_edit.chained_fixups = range(8)?,
            // Not LC_ID_DYLIB: library ordinals do not count the file itself.
            0xc | 0x18 | 0x1f | 0x20 | 0x23 => {
                self.libraries.push(bytes.c_bytes(at.checked_add(u64::from(field(8)?))?).unwrap_or_default());
            }
            _ => {}
        }
        Some(())
    }

    fn segment(&mut self, at: u64, wide: bool) -> Option<()> {
        let bytes = self.bytes;
        let word = |narrow: u64, wide_at: u64| bytes.word(at + if wide { wide_at } else { narrow }, wide);
        let half = |narrow: u64, wide_at: u64| bytes.u32(at + if wide { wide_at } else { narrow });
        let segment = Segment {
            name: until_nul(bytes.exact(at + 8, 16)?),
            address: word(24, 24)?,
            memory_size: word(28, 32)?,
            offset: word(32, 40)?,
            file_size: word(36, 48)?,
            initial_protection: half(44, 60)?,
        };
        self.segments.push(segment);
        let (header, row) = if wide { (72, 80) } else { (56, 68) };
        for index in 0..u64::from(half(48, 64)?).min(MAX_SECTIONS) {
            // Commands may state rows over one another: all of them together are bounded.
            if self.sections.len() as u64 >= MAX_SECTIONS {
                break;
            }
            let Some(section) = self.section(at + header + row * index, wide, &segment) else { break };
            self.sections.push(section);
        }
        Some(())
    }

    fn section(&self, at: u64, wide: bool, segment: &Segment<'_>) -> Option<SectionRow<'a>> {
        let bytes = self.bytes;
        let tail = at + if wide { 48 } else { 40 };
        Some(SectionRow {
            name: until_nul(bytes.exact(at, 16)?),
            address: bytes.word(at + 32, wide)?,
            size: bytes.word(at + if wide { 40 } else { 36 }, wide)?,
            offset: u64::from(bytes.u32(tail)?),
            alignment: bytes.u32(tail + 4)?,
            flags: bytes.u32(tail + 16)?,
            first_indirect: bytes.u32(tail + 20)?,
            stub_size: bytes.u32(tail + 24)?,
            segment: (segment.offset, segment.file_size),
        })
    }

    /// Program counter of an initial thread state.
    fn thread(&mut self, at: u64, size: u64) -> Option<()> {
        let (counter, wide) = match self.cpu {
            CPU_X86 => (10 * 4, false),
            CPU_X86_64 => (16 * 8, true),
            CPU_ARM => (15 * 4, false),
            CPU_ARM64 => (32 * 8, true),
            _ => return None,
        };
        (16 + counter < size).then_some(())?;
        self.entry = Some(Entry::Thread(self.bytes.word(at + 16 + counter, wide)?));
        Some(())
    }
}

/// A row of a universal header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// Most slices of a universal file.
const MAX_SLICES: u32 = 32;

/// Slices of a universal file whose table is sane: Java classes begin with the same bytes.
pub(crate) fn slices(data: &[u8]) -> Option<Vec<Slice>> {
    let (big_endian, wide) = match data.get(..4)? {
        b"\xca\xfe\xba\xbe" => (true, false),
        b"\xbe\xba\xfe\xca" => (false, false),
        b"\xca\xfe\xba\xbf" => (true, true),
        b"\xbf\xba\xfe\xca" => (false, true),
        _ => return None,
    };
    let bytes = Bytes::ordered(data, big_endian);
    let count = bytes.u32(4).filter(|count| (1..=MAX_SLICES).contains(count))?;
    let row = if wide { 32 } else { 20 };
    let table_end = 8 + u64::from(count) * row;
    bytes.exact(0, table_end)?;
    let slice = |index: u32| {
        let at = 8 + u64::from(index) * row + 8;
        let offset = bytes.word(at, wide)?;
        let size = bytes.word(at + if wide { 8 } else { 4 }, wide)?;
        let inside = offset >= table_end && offset.checked_add(size)? <= bytes.len();
        (inside && is_thin(bytes.exact(offset, 4)?)).then_some(Slice { offset, size })
    };
    (0..count).map(slice).collect()
}

/// Whether these are the first bytes of a thin Mach-O.
pub(crate) fn is_thin(magic: &[u8]) -> bool {
    matches!(
        magic.get(..4),
        Some(b"\xce\xfa\xed\xfe" | b"\xcf\xfa\xed\xfe" | b"\xfe\xed\xfa\xce" | b"\xfe\xed\xfa\xcf")
    )
}
