//! Functions in an IDR knowledge base of Delphi units: code with its name and its relocations, without an image around it.

use std::collections::BTreeMap;

use crate::bytes::Bytes;

/// Address the code is pretended to be loaded at.
pub(crate) const BASE: u64 = 0x40_0000;

/// Functions of a knowledge base.
#[derive(Default)]
pub(crate) struct KnowledgeBase {
    /// Address to name.
    pub(crate) functions: BTreeMap<u64, String>,
    /// Offsets of four bytes a loader would relocate.
    pub(crate) relocations: Vec<u64>,
}

/// Reads as many functions as there are.
pub(crate) fn read(data: &[u8]) -> KnowledgeBase {
    let mut base = KnowledgeBase::default();
    let _ = functions(Bytes::little(data), &mut base);
    base
}

fn functions(bytes: Bytes<'_>, base: &mut KnowledgeBase) -> Option<()> {
    let mut at = u64::from(bytes.u32(bytes.len().checked_sub(4)?)?);
    // Modules, then constants, types, variables and resources: tables of 16-byte rows that are passed over.
    let modules = u64::from(bytes.u32(at)?);
    at += 8;
    at += 16 * modules.min(bytes.len().saturating_sub(at) / 16);
    for _ in 0..4 {
        at = at.checked_add(8 + 16 * u64::from(bytes.u32(at)?))?;
    }
    let count = u64::from(bytes.u32(at)?);
    at += 8;
    for index in 0..count.min(bytes.len().saturating_sub(at) / 16) {
        let row = u64::from(bytes.u32(at + 16 * index)?);
        let _ = function(bytes, row, base);
    }
    Some(())
}

fn function(bytes: Bytes<'_>, mut at: u64, base: &mut KnowledgeBase) -> Option<()> {
    let name_length = u64::from(bytes.u16(at + 2)?);
    let name = bytes.upto(at + 4, name_length);
    at += 4 + name_length + 9;
    at += 2 + u64::from(bytes.u16(at)?) + 5;
    let size = u64::from(bytes.u32(at)?);
    let code = at + 8;
    let name = name.iter().map(|&byte| char::from(byte)).collect();
    if base.functions.insert(BASE + code, name).is_some() {
        return None;
    }
    let marks = bytes.upto(code + size, size);
    base.relocations
        .extend(memchr::memmem::find_iter(marks, b"\xff\xff\xff\xff").map(|mark| code + mark as u64));
    Some(())
}

/// Writes the pretended base address where a loader would relocate, except behind relative calls and jumps.
pub(crate) fn relocate(data: &mut [u8], relocations: &[u64]) {
    let original = data.to_vec();
    for &at in relocations {
        let before = at.checked_sub(1).and_then(|at| Bytes::little(&original).u8(at));
        if before.is_some_and(|before| !matches!(before, 0xe8 | 0xe9)) && at + 3 < original.len() as u64 {
            crate::mapping::place(data, at, &(BASE as u32).to_le_bytes(), 4);
        }
    }
}
