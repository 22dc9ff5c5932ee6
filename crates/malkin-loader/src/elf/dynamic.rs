//! The dynamic table of an ELF and what is found through it: string table, number of dynamic symbols, symbol versions.
//! All of it is read by file offset through the loaded segments, so it works without section headers.

use std::collections::HashMap;

use crate::bytes::Bytes;
use crate::elf::header::{Elf, PT_DYNAMIC, SHT_DYNSYM, SHT_REL, SHT_RELA, SHT_STRTAB, Segment};
use crate::limits::MAX_VERSIONS;

/// Entries read from a dynamic table.
const MAX_ENTRIES: u64 = 10_000;
/// Dynamic symbols that a section header or a hash table may state (lief's `NB_MAX_SYMBOLS`).
const MAX_COUNT: u64 = 1_000_000;
/// Symbols a section header or a hash table may add to those that relocations name (lief's `DELTA_NB_SYMBOLS`).
const MAX_RAISE: u64 = 3000;

/// Tags of dynamic entries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Tag {
    PltRelSize = 2,
    Hash = 4,
    StrTab = 5,
    SymTab = 6,
    Rela = 7,
    RelaSize = 8,
    Rel = 17,
    RelSize = 18,
    PltRel = 20,
    JmpRel = 23,
    RelrSize = 35,
    Relr = 36,
    GnuHash = 0x6fff_fef5,
    VerSym = 0x6fff_fff0,
    VerDef = 0x6fff_fffc,
    VerDefCount = 0x6fff_fffd,
    VerNeed = 0x6fff_fffe,
    VerNeedCount = 0x6fff_ffff,
}

/// A dynamic table: the first value of each tag.
#[derive(Debug)]
pub(crate) struct Dynamic<'e, 'a> {
    elf: &'e Elf<'a>,
    values: HashMap<u64, u64>,
}

/// A relocation table found through the dynamic table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelocationTable {
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) with_addend: bool,
}

impl<'e, 'a> Dynamic<'e, 'a> {
    /// Reads the table; empty when there is none.
    pub(crate) fn read(elf: &'e Elf<'a>) -> Self {
        let segment = elf.segments.iter().find(|segment| segment.kind == PT_DYNAMIC);
        let mut values = HashMap::new();
        let (bytes, offset) = segment.map_or((elf.bytes, None), |segment| table_place(elf, segment));
        let entry = 2 * elf.pointer();
        for index in 0..MAX_ENTRIES {
            let Some(offset) = offset else { break };
            let Some(at) = offset.checked_add(entry * index) else { break };
            let Some(tag) = bytes.word(at, elf.wide) else { break };
            // Behind a tag that is there, and so no overflow.
            let Some(value) = bytes.word(at + elf.pointer(), elf.wide) else { break };
            if tag == 0 {
                break;
            }
            values.entry(tag).or_insert(value);
        }
        Self { elf, values }
    }

    pub(crate) fn value(&self, tag: Tag) -> Option<u64> {
        self.values.get(&(tag as u64)).copied()
    }

    /// File offset a tag points to.
    fn offset(&self, tag: Tag) -> Option<u64> {
        self.elf.offset(self.value(tag)?)
    }

    /// File offset of the dynamic string table. Where the stated address lies in no segment, the section named `.dynstr` counts.
    pub(crate) fn strings(&self) -> Option<u64> {
        let address = self.value(Tag::StrTab)?;
        let section = || self.elf.section_named(".dynstr").filter(|row| row.kind == SHT_STRTAB);
        self.elf.offset(address).or_else(|| section().map(|row| row.offset))
    }

    /// File offset of the dynamic symbols.
    pub(crate) fn symbols(&self) -> Option<u64> {
        self.offset(Tag::SymTab)
    }

    /// Whether relative relocations stand in a table of their own. They name no symbols.
    pub(crate) fn has_relative_relocations(&self) -> bool {
        self.offset(Tag::Relr).is_some()
            && self.value(Tag::RelrSize).is_some_and(|size| size >= self.elf.pointer())
    }

    /// The dynamic relocation tables: general ones, then those of the PLT.
    pub(crate) fn relocation_tables(&self) -> Vec<RelocationTable> {
        let table = |at: Tag, size: Tag, with_addend: bool| {
            Some(RelocationTable { offset: self.offset(at)?, size: self.value(size)?, with_addend })
        };
        let plt_with_addend = match self.value(Tag::PltRel) {
            Some(kind) => kind == Tag::Rela as u64,
            None => self.elf.wide,
        };
        [
            table(Tag::Rela, Tag::RelaSize, true),
            table(Tag::Rel, Tag::RelSize, false),
            table(Tag::JmpRel, Tag::PltRelSize, plt_with_addend),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Number of dynamic symbols, weighed like lief: what the hash table and the section header agree on; else the relocations,
    /// raised to a count of the other two that lies within [`MAX_RAISE`] of it.
    pub(crate) fn symbol_count(&self) -> u64 {
        let by_relocation = self.relocation_tables().iter().map(|table| self.highest_symbol(table) + 1).max();
        let section = self.elf.sections.iter().find(|row| row.kind == SHT_DYNSYM);
        let by_section = section.map_or(0, |row| row.size / symbol_size(self.elf));
        let by_hash = match self.value(Tag::Hash) {
            Some(_) => self.count_by_hash(),
            None => self.count_by_gnu_hash(),
        };
        let by_hash = by_hash.unwrap_or(0);
        if by_hash > 0 && by_hash == by_section {
            return by_hash;
        }
        let mut count = by_relocation.unwrap_or(0);
        for other in [by_section, by_hash] {
            if other < MAX_COUNT && other > count && other - count < MAX_RAISE {
                count = other;
            }
        }
        count
    }

    /// Highest symbol index of a table, 0 when it has no entries.
    fn highest_symbol(&self, table: &RelocationTable) -> u64 {
        let entries = crate::elf::relocation::entries(self.elf, table);
        entries.map(|entry| u64::from(entry.symbol)).max().unwrap_or(0)
    }

    fn count_by_hash(&self) -> Option<u64> {
        let at = self.offset(Tag::Hash)?;
        self.elf.bytes.u32(at.checked_add(4)?).map(u64::from)
    }

    fn count_by_gnu_hash(&self) -> Option<u64> {
        let (bytes, at) = (self.elf.bytes, self.offset(Tag::GnuHash)?);
        let field = |index: u64| bytes.u32(at.checked_add(4 * index)?).map(u64::from);
        let (buckets, first, words) = (field(0)?, field(1)?, field(2)?);
        let table = at.checked_add(16 + words * self.elf.pointer())?;
        let buckets = buckets.min(bytes.len() / 4);
        let highest = (0..buckets).map_while(|index| bytes.u32(table.checked_add(4 * index)?)).max()?;
        let mut last = u64::from(highest);
        if last < first {
            return Some(0);
        }
        let chains = table.checked_add(4 * buckets)?;
        while bytes.u32(chains.checked_add(4 * (last - first))?)? & 1 == 0 {
            last += 1;
        }
        Some(last + 1)
    }

    /// Name of the version of each dynamic symbol, by symbol index.
    pub(crate) fn versions(&self, count: usize) -> Vec<Option<&'a str>> {
        let names = self.version_names();
        let Some(at) = self.offset(Tag::VerSym) else { return Vec::new() };
        (0..count as u64)
            .map_while(|index| self.elf.bytes.u16(at.checked_add(2 * index)?))
            .map(|version| names.get(&(version & 0x7fff)).copied())
            .collect()
    }

    fn version_names(&self) -> HashMap<u16, &'a str> {
        let mut names = HashMap::new();
        self.defined_versions(&mut names);
        self.needed_versions(&mut names);
        names
    }

    fn needed_versions(&self, names: &mut HashMap<u16, &'a str>) -> Option<()> {
        let (bytes, strings) = (self.elf.bytes, self.strings()?);
        let mut at = self.offset(Tag::VerNeed)?;
        // Rows may lie over one another, each with a list of its own.
        let mut left = MAX_VERSIONS;
        for _ in 0..self.value(Tag::VerNeedCount)?.min(0xffff) {
            // A broken list of one library leaves those of the others.
            let _ = self.needed_of(at, strings, &mut left, names);
            let next = u64::from(bytes.u32(at.checked_add(12)?)?);
            if next == 0 {
                break;
            }
            at = at.checked_add(next)?;
        }
        Some(())
    }

    /// Versions needed of one library; takes them from what is `left` for all libraries.
    fn needed_of(
        &self,
        at: u64,
        strings: u64,
        left: &mut usize,
        names: &mut HashMap<u16, &'a str>,
    ) -> Option<()> {
        let bytes = self.elf.bytes;
        let mut auxiliary = at.checked_add(u64::from(bytes.u32(at.checked_add(8)?)?))?;
        for _ in 0..bytes.u16(at.checked_add(2)?)? {
            *left = left.checked_sub(1)?;
            let version = bytes.u16(auxiliary.checked_add(6)?)? & 0x7fff;
            let name = strings.checked_add(u64::from(bytes.u32(auxiliary.checked_add(8)?)?))?;
            if let Some(name) = bytes.c_text(name) {
                names.insert(version, name);
            }
            let next = u64::from(bytes.u32(auxiliary.checked_add(12)?)?);
            if next == 0 {
                break;
            }
            auxiliary = auxiliary.checked_add(next)?;
        }
        Some(())
    }

    fn defined_versions(&self, names: &mut HashMap<u16, &'a str>) -> Option<()> {
        let (bytes, strings) = (self.elf.bytes, self.strings()?);
        let mut at = self.offset(Tag::VerDef)?;
        for _ in 0..self.value(Tag::VerDefCount)?.min(0xffff) {
            let version = bytes.u16(at.checked_add(4)?)?;
            let auxiliary = at.checked_add(u64::from(bytes.u32(at.checked_add(12)?)?))?;
            let name = strings.checked_add(u64::from(bytes.u32(auxiliary)?))?;
            if let (true, Some(name)) = (version > 1, bytes.c_text(name)) {
                names.insert(version & 0x7fff, name);
            }
            let next = u64::from(bytes.u32(at.checked_add(16)?)?);
            if next == 0 {
                break;
            }
            at = at.checked_add(next)?;
        }
        Some(())
    }
}

/// Where the entries are: inside the content of the loaded segment that holds the table's address, the last one if several do;
/// without such a segment in the file, at the table's offset. A segment without file bytes therefore has no dynamic table.
fn table_place<'a>(elf: &Elf<'a>, table: &Segment) -> (Bytes<'a>, Option<u64>) {
    match elf.last_load_at(table.address) {
        Some(holder) => {
            let content = crate::elf::layout::segment_content(elf, holder);
            (elf.bytes.with(content), Some(table.address - holder.address))
        }
        None => (elf.bytes, Some(table.offset)),
    }
}

/// Size of a symbol record in bytes.
pub(crate) fn symbol_size(elf: &Elf<'_>) -> u64 {
    if elf.wide { 24 } else { 16 }
}

/// Relocation tables by section header, in order; `only_unloaded` leaves out those that are part of the image.
pub(crate) fn section_relocation_tables(elf: &Elf<'_>, only_unloaded: bool) -> Vec<RelocationTable> {
    const SHF_ALLOC: u64 = 2;
    let tables = elf.sections.iter().filter(|row| matches!(row.kind, SHT_REL | SHT_RELA));
    tables
        .filter(|row| !only_unloaded || row.flags & SHF_ALLOC == 0)
        .map(|row| RelocationTable { offset: row.offset, size: row.size, with_addend: row.kind == SHT_RELA })
        .collect()
}
