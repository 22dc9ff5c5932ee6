//! The function under analysis: its instructions, edges and work list, until it is stored or dropped.

/// A decoded instruction, without what can be read from the image again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row<K> {
    /// Offset in the image.
    pub(crate) offset: u32,
    /// Length in bytes.
    pub(crate) length: u8,
    /// Kind.
    pub(crate) kind: K,
}

/// A control-flow edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    /// Address of the instruction.
    pub(crate) from: u64,
    /// Target.
    pub(crate) to: u64,
    /// Whether the target starts a block.
    pub(crate) jump: bool,
    /// Cleared when the edge was taken back.
    pub(crate) alive: bool,
}

/// A reference from an instruction to data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct DataReference {
    /// Address of the instruction.
    pub(crate) from: u64,
    /// Address of the data, or a number the reference takes for one.
    pub(crate) to: u64,
    /// Whether `to` is the two's complement of a negative number.
    pub(crate) negative: bool,
}

impl DataReference {
    /// The target as reports state it.
    pub(crate) fn target(self) -> i128 {
        if self.negative { i128::from(self.to as i64) } else { i128::from(self.to) }
    }
}

/// A call or jump whose target is computed, to be resolved once the function is accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ComputedCall {
    /// Address of the instruction.
    pub(crate) at: u64,
    /// The memory it goes through, if it does not go to the register itself.
    pub(crate) slot: Option<Slot>,
}

/// Memory at `[register + displacement]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Added to the register.
    pub(crate) displacement: i64,
    /// 4 or 8.
    pub(crate) width: u32,
}

/// Marks of an address in the function under analysis.
pub(crate) mod mark {
    /// A byte of an instruction.
    pub(crate) const COVERED: u32 = 1;
    /// The first byte of an instruction.
    pub(crate) const START: u32 = 2;
    /// Taken from the work list, or waiting in it.
    pub(crate) const SEEN: u32 = 4;
    /// A byte of a jump table.
    pub(crate) const TABLE: u32 = 8;
    /// Target of an edge that may have been taken back.
    pub(crate) const TARGET: u32 = 16;
    /// Target of at least one edge.
    pub(crate) const REACHED: u32 = 32;
    /// Target of more than one edge.
    pub(crate) const SHARED: u32 = 64;
    /// Bits of a mark; the rest of the word is the number of the analysis.
    pub(crate) const BITS: u32 = 7;
    /// Most analyses of one image.
    pub(crate) const MAX_ANALYSES: u32 = u32::MAX >> BITS;
}

/// Work of one analysis.
#[derive(Debug)]
pub(crate) struct Work<K> {
    /// Entry.
    pub(crate) start: u64,
    /// Number of the analysis; marks of other numbers are stale.
    pub(crate) number: u32,
    /// Work list, last in first out.
    pub(crate) queue: Vec<u64>,
    /// Instructions in the order they were decoded, unless sorted.
    pub(crate) rows: Vec<Row<K>>,
    /// Whether `rows` are in address order.
    pub(crate) sorted: bool,
    /// Instructions of the open block: the last of `rows`.
    pub(crate) open: usize,
    /// Closed blocks that had instructions.
    pub(crate) closed: usize,
    /// Highest instruction address, if any.
    pub(crate) highest: Option<u64>,
    /// Edges in the order they were made, repeated ones included.
    pub(crate) edges: Vec<Edge>,
    /// Calls and jumps through registers, in the order they were decoded.
    pub(crate) computed_calls: Vec<ComputedCall>,
    /// Referenced data: address and length.
    pub(crate) data: Vec<(u64, u32)>,
    /// Bytes of jump tables: address and length.
    pub(crate) tables: Vec<(u64, u32)>,
    /// References to data, repeated ones included.
    pub(crate) data_references: Vec<DataReference>,
    /// Instructions made of zero bytes.
    pub(crate) zeros: u32,
    /// The next fall-through edge is a jump edge.
    pub(crate) latch: bool,
    /// The instruction after this one can be reached.
    pub(crate) reachable: bool,
    /// This instruction ends the block.
    pub(crate) ending: bool,
    /// A proper end was seen.
    pub(crate) sane: bool,
    /// Addresses where decoding ran into another function.
    pub(crate) collisions: Vec<u64>,
    /// Functions taken apart for this one.
    pub(crate) absorbed: Vec<u64>,
    /// Gap functions that gave way to this one.
    pub(crate) reverted: Vec<u64>,
    /// No call seen.
    pub(crate) leaf: bool,
    /// Calls itself.
    pub(crate) recursive: bool,
    /// Starts with a jump to an API.
    pub(crate) thunk: bool,
}

impl<K> Work<K> {
    /// Work on nothing.
    pub(crate) fn new() -> Self {
        Self {
            start: 0,
            number: 0,
            queue: Vec::new(),
            rows: Vec::new(),
            sorted: true,
            open: 0,
            closed: 0,
            highest: None,
            edges: Vec::new(),
            computed_calls: Vec::new(),
            data: Vec::new(),
            tables: Vec::new(),
            data_references: Vec::new(),
            zeros: 0,
            latch: false,
            reachable: true,
            ending: false,
            sane: false,
            collisions: Vec::new(),
            absorbed: Vec::new(),
            reverted: Vec::new(),
            leaf: true,
            recursive: false,
            thunk: false,
        }
    }

    /// Clears everything, keeping its memory.
    pub(crate) fn reset(&mut self, start: u64, number: u32) {
        let mut fresh = Self { start, number, ..Self::new() };
        macro_rules! keep_memory {
            ($($field:ident),*) => {
                $(
                    self.$field.clear();
                    std::mem::swap(&mut self.$field, &mut fresh.$field);
                )*
            };
        }
        keep_memory!(queue, rows, edges, computed_calls, data, tables, data_references);
        keep_memory!(collisions, absorbed, reverted);
        *self = fresh;
    }

    /// Closes the open block.
    pub(crate) fn end_block(&mut self) {
        self.latch = false;
        if self.open > 0 {
            self.closed += 1;
        }
        self.open = 0;
    }

    /// Ends the function's current block properly.
    pub(crate) fn finish(&mut self) {
        self.sane = true;
        self.reachable = false;
        self.ending = true;
    }

    /// Ends the function before the instruction at hand: what follows is something else.
    pub(crate) fn cut(&mut self) {
        self.ending = true;
        self.end_block();
        self.sane = true;
    }

    /// Records an edge.
    pub(crate) fn edge(&mut self, from: u64, to: u64) {
        self.edges.push(Edge { from, to, jump: false, alive: true });
    }

    /// Records an edge whose target starts a block.
    pub(crate) fn jump_edge(&mut self, from: u64, to: u64) {
        self.latch = true;
        self.edges.push(Edge { from, to, jump: true, alive: true });
    }

    /// Takes an edge back.
    pub(crate) fn remove_edge(&mut self, from: u64, to: u64) {
        for edge in self.edges.iter_mut().filter(|edge| edge.from == from && edge.to == to) {
            edge.alive = false;
        }
    }

    /// Records a reference to `count` bytes of data.
    pub(crate) fn refer(&mut self, from: u64, to: u64, count: u32) {
        self.data_references.push(DataReference { from, to, negative: false });
        self.data.push((to, count));
    }

    /// Records a reference to data at a number that may be negative.
    pub(crate) fn refer_literal(&mut self, from: u64, to: i64, count: u32) {
        self.data_references.push(DataReference { from, to: to as u64, negative: to < 0 });
        if to >= 0 {
            self.data.push((to as u64, count));
        }
    }

    /// Sorts the instructions by address.
    pub(crate) fn sort_rows(&mut self) {
        if !self.sorted {
            self.rows.sort_by_key(|row| row.offset);
            self.sorted = true;
        }
    }

    /// Whether no code of this function lies above an address.
    pub(crate) fn nothing_above(&self, address: u64) -> bool {
        self.highest.is_none_or(|highest| highest <= address)
    }
}
