//! Questions asked before tables of ELF and Mach-O files are read through `object`: it bounds what it keeps, but walks some lists
//! as often as a file states them, and a file of 100 kB can state them without end.
//!
//! Not here: reading the tables (`native`).

use std::collections::HashSet;

use malkin_report::Budget;
use object::macho::{DyldInfoCommand, LinkeditDataCommand};
use object::read::elf::{ElfFile, FileHeader};
use object::read::macho::{MachHeader, MachOFile};
use object::read::{Object, ObjectSection, ObjectSegment};
use object::{File, SectionKind};

/// Versions of symbols that a file may name; glibc, which names most, has about 50.
const MAX_VERSIONS: u64 = 65_536;
/// Smallest note, in bytes.
const NOTE: u64 = 12;
/// Deepest nesting of an export trie, as in the loader.
const MAX_DEPTH: usize = 256;
/// Bytes of edges of an export trie, as a multiple of its size. They lie side by side in a real one.
const MAX_EDGES: usize = 4;

/// Whether the notes, among which the build id is looked for, are no more than the file could hold side by side.
pub(crate) fn notes(file: &File<'_>, size: usize, budget: &Budget<'_>) -> bool {
    let sections = file.sections().filter(|section| section.kind() == SectionKind::Note);
    let by_section = sections.map(|section| section.size()).fold(0, u64::saturating_add);
    // Without sections the segments of notes count, whose kind is not shown here: all of them are taken for notes.
    let stated = if file.sections().next().is_some() {
        by_section
    } else {
        file.segments().map(|segment| segment.file_range().1).fold(0, u64::saturating_add)
    };
    stated <= (size as u64).saturating_mul(4) && budget.work(stated / NOTE)
}

/// Whether the tables of symbol versions have a bounded number of rows.
pub(crate) fn versions(file: &File<'_>, budget: &Budget<'_>) -> bool {
    match file {
        File::Elf32(file) => versions_of(file, budget),
        File::Elf64(file) => versions_of(file, budget),
        _ => Some(true),
    }
    .unwrap_or(false)
}

fn versions_of<E: FileHeader>(file: &ElfFile<'_, E>, budget: &Budget<'_>) -> Option<bool> {
    let (endian, data, sections) = (file.endian(), file.data(), file.elf_section_table());
    let mut left = MAX_VERSIONS;
    if let Some((mut rows, _)) = sections.gnu_verneed(endian, data).ok()? {
        while let Some((row, _)) = rows.next().ok()? {
            left = left.checked_sub(1 + u64::from(row.vn_cnt.get(endian)))?;
        }
    }
    if let Some((mut rows, _)) = sections.gnu_verdef(endian, data).ok()? {
        while let Some((row, _)) = rows.next().ok()? {
            left = left.checked_sub(1 + u64::from(row.vd_cnt.get(endian)))?;
        }
    }
    Some(budget.work(MAX_VERSIONS - left))
}

/// Whether the export trie of a Mach-O is a tree: no node is reached twice, and no path is too long.
pub(crate) fn exports(file: &File<'_>, data: &[u8], budget: &Budget<'_>) -> bool {
    let trie = match file {
        File::MachO32(file) => trie(file, data),
        File::MachO64(file) => trie(file, data),
        _ => Some(&[][..]),
    };
    trie.is_some_and(|trie| trie.is_empty() || is_tree(trie, budget).unwrap_or(false))
}

/// The bytes of the export trie that `object` reads: the last of its own command, else the last of the older one.
fn trie<'d, M: MachHeader>(file: &MachOFile<'d, M>, data: &'d [u8]) -> Option<&'d [u8]> {
    let endian = file.endian();
    let (mut own, mut older): (Option<&LinkeditDataCommand<_>>, Option<&DyldInfoCommand<_>>) = (None, None);
    let mut commands = file.macho_load_commands().ok()?;
    while let Some(command) = commands.next().ok()? {
        if let Some(command) = command.dyld_exports_trie().ok()? {
            own = Some(command);
        } else if let Some(command) = command.dyld_info().ok()? {
            older = Some(command);
        }
    }
    let (offset, size) = match (own, older) {
        (Some(own), _) => (own.dataoff.get(endian), own.datasize.get(endian)),
        (None, Some(older)) => (older.export_off.get(endian), older.export_size.get(endian)),
        (None, None) => (0, 0),
    };
    data.get(offset as usize..)?.get(..size as usize)
}

fn is_tree(data: &[u8], budget: &Budget<'_>) -> Option<bool> {
    /// A node that is being read: where its next child is stated, and how many are left.
    struct Open {
        at: usize,
        children: u8,
    }
    let mut seen = HashSet::new();
    let mut edges = data.len().checked_mul(MAX_EDGES)?;
    let open = |start: usize| {
        let mut at = start;
        let terminal = usize::try_from(number(data, &mut at)?).ok()?;
        at = at.checked_add(terminal)?;
        let children = *data.get(at)?;
        Some(Open { at: at + 1, children })
    };
    seen.insert(0);
    let mut path = vec![open(0)?];
    while let Some(node) = path.last_mut() {
        if node.children == 0 {
            path.pop();
            continue;
        }
        node.children -= 1;
        let length = memchr::memchr(0, data.get(node.at..)?)? + 1;
        edges = edges.checked_sub(length)?;
        budget.work(length as u64).then_some(())?;
        node.at += length;
        let child = usize::try_from(number(data, &mut node.at)?).ok()?;
        if !seen.insert(child) || path.len() >= MAX_DEPTH {
            return Some(false);
        }
        path.push(open(child)?);
    }
    Some(true)
}

/// An unsigned LEB128 number of at most ten bytes.
fn number(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trees_are_walked() {
        let budget = Budget::unlimited();
        // The root has `_a` at 7, which is an export without children.
        let tree = [0, 1, b'_', b'a', 0, 7, 0, 2, 0, 16, 0];
        assert_eq!(is_tree(&tree, &budget), Some(true));
        // Two edges to one node: forty such nodes in a row would be 2^40 paths.
        let diamond = [0, 2, b'a', 0, 8, b'b', 0, 8, 0, 0];
        assert_eq!(is_tree(&diamond, &budget), Some(false));
        let circle = [0, 1, b'a', 0, 0];
        assert_eq!(is_tree(&circle, &budget), Some(false));
        assert_eq!(is_tree(&[0, 1, b'a'], &budget), None);
        assert_eq!(is_tree(&[], &budget), None);
    }

    #[test]
    fn a_path_that_is_too_long_is_refused() {
        // Each node is followed by its only child.
        let deep = |depth: usize| {
            let mut data = Vec::new();
            for level in 1..=depth {
                let child = level * 6;
                data.extend([0, 1, b'x', 0, (child & 0x7f | 0x80) as u8, (child >> 7) as u8]);
            }
            data.extend([0, 0]);
            data
        };
        let budget = Budget::unlimited();
        assert_eq!(is_tree(&deep(200), &budget), Some(true));
        assert_eq!(is_tree(&deep(300), &budget), Some(false));
    }
}
