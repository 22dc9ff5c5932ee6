//! What both directions know of a function while they go through it: numbers as bytes, where blocks lie and what follows
//! from that. Both have to come to the same conclusions, now and in ten years, so the conclusions are drawn here only.

use super::{NEAR_BRANCH, SHORT_BRANCH};

/// Fields of a function by their code, which is the place in this list plus one. Extended at the end only.
pub(super) const FIELDS: [&str; 10] = [
    "offset",
    "blocks",
    "apirefs",
    "blockrefs",
    "inrefs",
    "outrefs",
    "is_exported",
    "metadata",
    "stringrefs",
    "architecture_metadata",
];

/// The same for the metadata of a function.
pub(super) const METADATA: [&str; 8] = [
    "binweight",
    "characteristics",
    "confidence",
    "function_name",
    "pic_hash",
    "nesting_depth",
    "strongly_connected_components",
    "tfidf",
];

/// In place of the code of a field: the function is kept as text.
pub(super) const AS_TEXT: u8 = 0xff;
/// In place of the code of a field: there are no more.
pub(super) const NO_MORE: u8 = 0;

/// Edges as they are stated, in the column of references.
pub(super) const STATED: u8 = 0;
/// Edges that follow from the code; blocks without successors are not named.
pub(super) const FOLLOWING: u8 = 1;
/// Edges that follow from the code; every block is named.
pub(super) const FOLLOWING_ALL: u8 = 2;

// Both directions fill a model with the same calls in the same order. `split` asks it whether what the text states follows from the
// code, `join` asks it for what was left out; a question that is answered differently by a later version would change stored text.
/// A block whose instructions are known.
#[derive(Clone, Copy, Debug)]
struct Block {
    start: u64,
    end: u64,
    /// Where its last instruction jumps.
    target: Option<u64>,
    /// Whether what lies behind it can be reached from it.
    falls: bool,
}

/// A function as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Its entry, 0 before it is known.
    pub(super) entry: u64,
    blocks: Vec<Block>,
    /// Instructions with a relative target: address, target.
    branches: Vec<(u64, u64)>,
}

impl Model {
    pub(super) fn clear(&mut self) {
        self.entry = 0;
        self.blocks.clear();
        self.branches.clear();
    }

    /// Where the next block begins if nothing lies between.
    pub(super) fn end(&self) -> u64 {
        self.blocks.last().map_or(self.entry, |block| block.end)
    }

    /// Whether a block may begin here: they ascend.
    pub(super) fn can_begin(&self, start: u64) -> bool {
        self.blocks.last().is_none_or(|block| block.start < start)
    }

    pub(super) fn begin(&mut self, start: u64) {
        self.blocks.push(Block { start, end: start, target: None, falls: true });
    }

    /// Notes the next instruction of the last block.
    pub(super) fn instruction(&mut self, address: u64, end: u64, mnemonic: &[u8], target: Option<u64>) {
        // Of x86 only: `jmp` and the conditional jumps. A `call` has a target as well, but is no edge between blocks. Other instruction
        // sets get no target here, so their edges are stated, which costs bytes and nothing else.
        let jumps = mnemonic.first() == Some(&b'j');
        if let Some(target) = target {
            self.branches.push((address, target));
        }
        if let Some(block) = self.blocks.last_mut() {
            block.end = end;
            block.target = target.filter(|_| jumps);
            block.falls = !matches!(mnemonic, b"jmp" | b"ret" | b"hlt" | b"int3");
        }
    }

    /// The target of the instruction at an address.
    pub(super) fn target_of(&self, address: u64) -> Option<u64> {
        // Ascending because blocks and their instructions are: `can_begin` sees to the first, adding up of lengths to the second. Blocks
        // that overlap can break the order; then the search may miss, and the target is stated.
        let at = self.branches.binary_search_by_key(&address, |branch| branch.0).ok()?;
        self.branches.get(at).map(|branch| branch.1)
    }

    /// Number of the block that starts at an address.
    pub(super) fn block_at(&self, address: u64) -> Option<usize> {
        self.blocks.binary_search_by_key(&address, |block| block.start).ok()
    }

    /// Start of a block.
    pub(super) fn start_of(&self, block: usize) -> Option<u64> {
        self.blocks.get(block).map(|block| block.start)
    }

    /// Edges that follow from the code: start of a block, its successors ascending.
    pub(super) fn edges(&self) -> impl Iterator<Item = (u64, Successors)> + '_ {
        self.blocks.iter().map(|block| {
            let target = block.target.filter(|target| self.block_at(*target).is_some());
            let next = Some(block.end).filter(|end| block.falls && self.block_at(*end).is_some());
            let mut successors = Successors::default();
            for address in [target.min(next.or(target)), target.max(next)].into_iter().flatten() {
                successors.push(address);
            }
            (block.start, successors)
        })
    }
}

/// At most two addresses, ascending, none twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Successors {
    addresses: [u64; 2],
    count: usize,
}

impl Successors {
    fn push(&mut self, address: u64) {
        if self.as_slice().last() != Some(&address)
            && let Some(place) = self.addresses.get_mut(self.count)
        {
            *place = address;
            self.count += 1;
        }
    }

    pub(super) fn as_slice(&self) -> &[u64] {
        self.addresses.get(..self.count).unwrap_or_default()
    }
}

/// Target of a branch whose distance is the end of its code, of the width that a mark names.
pub(super) fn branch_target(mark: u8, code: &[u8], end: u64) -> Option<u64> {
    let distance = match mark {
        SHORT_BRANCH => i64::from(*code.last()? as i8),
        NEAR_BRANCH => i64::from(i32::from_le_bytes(*code.last_chunk::<4>()?)),
        _ => return None,
    };
    Some(end.wrapping_add(distance as u64))
}
