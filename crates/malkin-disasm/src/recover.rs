//! Recovery of functions and their control flow from x86 and x64 code, with the outcome of SMDA 5.0.1.
//!
//! Not an ideal disassembler: every decision here, odd ones included, is the reference's, because hashes of a function
//! depend on exactly which bytes belong to it. The order of passes: candidates are collected and queued by score, analysed
//! until the queue is empty, then the space between functions is searched, then whatever that queued is analysed.

pub(crate) mod api;
pub(crate) mod blocks;
pub(crate) mod budget;
pub(crate) mod candidate;
pub(crate) mod class;
mod cut;
mod data;
mod extent;
mod flow;
mod gap;
mod jump_table;
mod late;
mod locate;
pub(crate) mod maps;
pub(crate) mod memory;
mod register_call;
mod revert;
pub(crate) mod state;
pub(crate) mod store;
mod syscall;
mod text;

use malkin_loader::Image;

use self::api::ApiReferences;
use self::budget::Budget;
use self::candidate::Candidates;
use self::maps::{BitMap, WordMap};
use self::memory::Memory;
use self::state::{Row, State, mark};
use self::store::Functions;
use crate::x86::{Decoder, Stream, TextWriter};

/// Deepest nesting of analyses that are started by an analysis (functions given back after they were absorbed).
const MAX_NESTING: u32 = 24;

/// Everything known about an image while it is being analysed.
pub(crate) struct Recovery<'a> {
    memory: Memory<'a>,
    decoder: Decoder,
    stream: Stream<'a>,
    writer: TextWriter,
    budget: Budget<'a>,
    candidates: Candidates,
    /// Bytes that noted calls start with.
    call_sources: BitMap,
    /// Bytes known as data.
    data: BitMap,
    /// Owner of a byte: number of a stored function plus one.
    owners: WordMap,
    /// Marks of the analyses, see [`mark`].
    marks: WordMap,
    /// Analyses started so far.
    analyses: u32,
    functions: Functions,
    apis: ApiReferences,
    /// Starts of jump tables that `lea` instructions refer to.
    table_starts: rustc_hash::FxHashSet<u64>,
    /// Alignment of much-called candidates.
    alignment: u32,
    gaps: gap::GapScan,
    /// States and edges of analyses that are over, kept for their memory.
    spare: Vec<State>,
    spare_graph: blocks::Graph,
}

impl<'a> Recovery<'a> {
    /// Prepares the analysis of an image.
    pub(crate) fn new(image: &'a Image, budget: Budget<'a>) -> Self {
        let memory = Memory::new(image);
        let (len, bits) = (memory.data.len(), memory.bits);
        let table_starts = jump_table::table_starts(&memory);
        let decoder = Decoder::new(bits);
        let stream = decoder.stream(&image.data, image.base_addr);
        Self {
            memory,
            decoder,
            stream,
            writer: TextWriter::new(bits),
            budget,
            candidates: Candidates::default(),
            call_sources: BitMap::new(len),
            data: BitMap::new(len),
            owners: WordMap::new(len),
            marks: WordMap::new(len),
            analyses: 0,
            functions: Functions::default(),
            apis: ApiReferences::default(),
            table_starts,
            alignment: 0,
            gaps: gap::GapScan::default(),
            spare: Vec::new(),
            spare_graph: blocks::Graph::default(),
        }
    }

    /// Runs all passes.
    pub(crate) fn run(&mut self) {
        self.locate();
        self.drain();
        if !self.memory.image.language.functions_only {
            self.scan_gaps();
            self.drain();
            self.analyse_method_tables();
            self.drain();
        }
    }

    /// The image.
    pub(crate) fn image(&self) -> &'a Image {
        self.memory.image
    }

    /// The image as the recovery reads it.
    pub(crate) fn memory(&self) -> &Memory<'a> {
        &self.memory
    }

    /// The decoder of the image's bitness.
    pub(crate) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The writer of instruction text.
    pub(crate) fn writer(&self) -> &TextWriter {
        &self.writer
    }

    /// All candidates.
    pub(crate) fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// Everything stored, what was taken back included.
    pub(crate) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// API references.
    pub(crate) fn api_references(&self) -> &ApiReferences {
        &self.apis
    }

    /// Alignment of much-called candidates.
    pub(crate) fn alignment(&self) -> u32 {
        self.alignment
    }

    /// Whether a budget ended the recovery.
    pub(crate) fn is_stopped(&self) -> bool {
        self.budget.is_exceeded()
    }

    /// Analyses queued candidates until none waits.
    fn drain(&mut self) {
        let only_language = self.memory.image.language.functions_only;
        while let Some(address) = self.candidates.pop(self.alignment) {
            if !self.budget.spend(16) {
                return;
            }
            if only_language && self.candidates.get(address).is_some_and(|candidate| !candidate.language) {
                continue;
            }
            self.analyse(address, false, 0);
        }
    }

    /// Number of the stored function that owns a byte.
    fn owner(&self, address: u64) -> Option<u32> {
        self.owners.get(self.memory.offset(address)?).checked_sub(1)
    }

    fn mark_call_source(&mut self, address: u64) {
        if let Some(offset) = self.memory.offset(address) {
            self.call_sources.set(offset);
        }
    }

    fn has_mark(&self, state: &State, offset: usize, wanted: u32) -> bool {
        let value = self.marks.get(offset);
        value >> mark::BITS == state.number && value & wanted != 0
    }

    fn put_mark(&mut self, number: u32, offset: usize, wanted: u32) {
        if let Some(value) = self.marks.entry(offset) {
            let kept = if *value >> mark::BITS == number { *value } else { number << mark::BITS };
            *value = kept | wanted;
        }
    }

    /// Queues a block of the function under analysis, once.
    fn push(&mut self, state: &mut State, address: u64) {
        let Some(offset) = self.memory.offset(address) else { return };
        if !self.has_mark(state, offset, mark::SEEN) {
            self.put_mark(state.number, offset, mark::SEEN);
            state.queue.push(address);
        }
    }

    /// Analyses the function at an address and stores it if it is one. `in_gap`: the address was found between functions,
    /// so the code has to prove itself. Returns the end of the straight run of code decoded from the start, if that code
    /// was found in a gap, is no function, and ends the way functions end.
    fn analyse(&mut self, start: u64, in_gap: bool, nesting: u32) -> Option<u64> {
        self.analyse_around(start, in_gap, None, nesting)
    }

    /// As [`Self::analyse`]; `tables` are the jump tables known from a first attempt that ran into them.
    fn analyse_around(
        &mut self,
        start: u64,
        in_gap: bool,
        tables: Option<&[(u64, u32)]>,
        nesting: u32,
    ) -> Option<u64> {
        if self.owner(start).is_some() || self.is_inside_declared(start) {
            self.abort(start);
            return None;
        }
        let (mut state, complete) = self.walk(start, in_gap, tables.unwrap_or_default());
        let extent = if !complete {
            self.abort(start);
            let absorbed = std::mem::take(&mut state.absorbed);
            self.restore(&absorbed, false, nesting);
            if in_gap { self.straight_extent(&mut state) } else { None }
        } else if tables.is_none() && self.runs_into_table(&state) {
            let extent = self.analyse_around(start, in_gap, Some(&state.tables), nesting);
            self.restore(&state.reverted, true, nesting);
            self.restore(&state.absorbed, false, nesting);
            extent
        } else {
            self.conclude(&mut state, in_gap, nesting);
            let failed = in_gap && self.functions.number_of(start).is_none();
            if failed { self.straight_extent(&mut state) } else { None }
        };
        self.spare.push(state);
        extent
    }

    /// Whether code was decoded out of bytes that turned out to be a jump table.
    fn runs_into_table(&self, state: &State) -> bool {
        state.tables.iter().any(|&(address, count)| {
            let offset = self.memory.offset(address).unwrap_or(usize::MAX);
            (0..count as usize).any(|byte| self.has_mark(state, offset.saturating_add(byte), mark::COVERED))
        })
    }

    /// Decodes everything reachable from the start. False: two instructions of zero bytes were met.
    fn walk(&mut self, start: u64, in_gap: bool, tables: &[(u64, u32)]) -> (State, bool) {
        if self.analyses < mark::MAX_ANALYSES {
            self.analyses += 1;
        } else {
            self.budget.give_up();
        }
        let mut state = self.spare.pop().unwrap_or_default();
        state.reset(start, self.analyses);
        for &(address, count) in tables {
            state.data.push((address, count));
            state.tables.push((address, count));
            self.mark_table(&state, address, count);
        }
        self.push(&mut state, start);
        while let Some(address) = state.queue.pop() {
            state.ending = false;
            state.latch = false;
            if !self.walk_block(&mut state, address, in_gap) {
                return (state, false);
            }
            if self.budget.is_exceeded() {
                break;
            }
        }
        (state, true)
    }

    /// Decodes one block. Returns false when the function has to be given up.
    fn walk_block(&mut self, state: &mut State, start: u64, in_gap: bool) -> bool {
        let mut address = start;
        let mut previous: Option<Row> = None;
        let mut decoded = 0;
        while let Some(offset) = self.memory.offset(address) {
            let Some(instruction) = self.stream.decode(&self.decoder, offset) else { break };
            decoded += 1;
            let length = instruction.len();
            let row =
                Row { offset: offset as u32, length: length as u8, class: class::Class::of(&instruction) };
            if !state.tables.is_empty()
                && (offset..offset + length).any(|at| self.has_mark(state, at, mark::TABLE))
            {
                if let Some(previous) = previous
                    && previous.offset as usize + usize::from(previous.length) == offset
                {
                    state.remove_edge(self.address(previous), address);
                }
                state.ending = true;
                state.end_block();
                state.sane = true;
                break;
            }
            state.reachable = true;
            if self.memory.data[offset] == 0
                && self.memory.data[offset..offset + length].iter().all(|&byte| byte == 0)
            {
                state.zeros += 1;
                if state.zeros > 1 {
                    return false;
                }
            }
            if self.follow(&instruction, row, state, previous) {
                break;
            }
            previous = Some(row);
            if !self.admit(row, state, in_gap) {
                state.ending = true;
            }
            if state.ending {
                state.end_block();
                break;
            }
            address = address.wrapping_add(length as u64);
        }
        self.budget.spend(decoded + 1);
        true
    }

    /// Adds an instruction to the function unless its address is taken.
    fn admit(&mut self, row: Row, state: &mut State, in_gap: bool) -> bool {
        let offset = row.offset as usize;
        let address = self.address(row);
        if let Some(owner) = self.owners.get(offset).checked_sub(1) {
            let owner = self.functions.start_of(owner);
            if in_gap || !self.revert_gap_function(owner, state.start) {
                state.collisions.push(address);
                return false;
            }
            state.reverted.push(owner);
        } else if self.data.get(offset) || self.has_mark(state, offset, mark::COVERED) {
            return false;
        }
        if state.rows.last().is_some_and(|last| last.offset > row.offset) {
            state.sorted = false;
        }
        state.rows.push(row);
        state.open += 1;
        state.highest = Some(state.highest.map_or(address, |highest| highest.max(address)));
        let number = state.number;
        self.marks.update(offset, usize::from(row.length), |value| {
            let kept = if *value >> mark::BITS == number { *value } else { number << mark::BITS };
            *value = kept | mark::COVERED;
        });
        self.put_mark(number, offset, mark::START);
        if state.reachable {
            let next = address.wrapping_add(u64::from(row.length));
            if state.latch {
                state.jump_edge(address, next);
            } else {
                state.edge(address, next);
            }
        }
        state.latch = false;
        true
    }

    /// Address of an instruction.
    fn address(&self, row: Row) -> u64 {
        self.memory.base.wrapping_add(u64::from(row.offset))
    }

    fn mark_table(&mut self, state: &State, address: u64, count: u32) {
        if let Some(offset) = self.memory.offset(address) {
            for at in offset..offset + count as usize {
                self.put_mark(state.number, at, mark::TABLE);
            }
        }
    }

    /// Records a jump table entry, or another range of bytes that is no code.
    fn refer_table(&mut self, state: &mut State, from: u64, to: u64, count: u32) {
        // A function may jump over one long table a thousand times.
        self.budget.refer();
        if self.budget.is_exceeded() {
            return;
        }
        state.refer(from, to, count);
        state.tables.push((to, count));
        self.mark_table(state, to, count);
    }
}
