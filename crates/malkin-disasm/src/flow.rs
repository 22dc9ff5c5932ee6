//! Recovery of functions by recursive descent, for every instruction set that has no table of its methods.
//!
//! Not an ideal disassembler: every decision, odd ones included, is that of SMDA 5.0.1, because the hashes of a function
//! depend on exactly which bytes belong to it. The order of the passes: candidates are collected and queued by score and
//! analysed until the queue is empty; then the space between functions is searched; then the instruction set may add
//! candidates of its own. Each pass that queues candidates is followed by their analysis.
//!
//! What is here is shared by Intel, AArch64 and ARM: work lists, blocks, who owns which byte, gaps, budgets. What
//! an instruction means, where functions may start and what padding looks like is the [`InstructionSet`]'s. All calls
//! are resolved at compile time, so each instruction set has an engine of its own.
//!
//! CIL and Dalvik name their methods in tables, so nothing has to be searched. Their folders need no [`InstructionSet`]:
//! they decode each method body, cut it into blocks with [`blocks::Cutter`], which asks only for an [`InstructionKind`],
//! add it to [`functions::Functions`], and hand [`Findings`] to [`crate::report::fill`], which asks only for the text of
//! the instructions ([`crate::report::Listing`]).

pub(crate) mod api;
pub(crate) mod bitmap;
pub(crate) mod blocks;
pub(crate) mod budget;
pub(crate) mod candidate;
mod conclusion;
mod descent;
mod discovery;
pub(crate) mod extent;
pub(crate) mod functions;
pub(crate) mod gap;
pub(crate) mod image_view;
mod revert;
#[cfg(test)]
mod tests;
pub(crate) mod work;

use std::fmt::Debug;

use malkin_loader::Image;

use self::api::ApiReferences;
use self::bitmap::{Bitmap, WordMap};
use self::budget::Budget;
use self::candidate::{Candidates, EntryShape};
pub(crate) use self::conclusion::Accepted;
use self::functions::Functions;
use self::gap::{GapSearch, GapStep};
use self::image_view::ImageView;
use self::work::{Row, Work};

/// What the engine asks of the kind of an instruction.
pub(crate) trait InstructionKind: Copy + PartialEq + Debug {
    /// Calls: an edge to somewhere else does not end the block, because control comes back.
    fn is_call(self) -> bool;
    /// Instructions that end a basic block whatever edges they have.
    fn ends_block(self) -> bool;
    /// Instructions after which a straight run of code is over. Decides where the search goes on after code in a gap
    /// that is no function.
    fn ends_run(self) -> bool;
}

/// A decoded instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded<I: InstructionSet> {
    /// As the decoder of the instruction set states it.
    pub(crate) instruction: I::Instruction,
    /// Its kind.
    pub(crate) kind: I::Kind,
    /// Length in bytes, 1 to 255.
    pub(crate) length: u8,
}

/// What becomes of the function in work after an instruction was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The instruction belongs to the function.
    Take,
    /// The function ends before the instruction, which starts or separates something else.
    Cut,
}

/// An instruction set: how its code is decoded, what its instructions do to a function in work, where its functions
/// start. The methods that decide get the whole analysis, because the rules ask about functions and candidates found
/// so far.
pub(crate) trait InstructionSet: Sized {
    /// Kind of an instruction, kept with every stored one; small.
    type Kind: InstructionKind;
    /// A decoded instruction with its operands, never kept.
    type Instruction;

    /// The instruction at an offset of the image, `None` where the reference's decoder stops.
    fn decode(&mut self, offset: usize) -> Option<Decoded<Self>>;

    /// What the bytes at an address say about a function that starts there.
    fn entry_shape(view: &ImageView<'_>, address: u64) -> EntryShape;

    /// Collects the candidates known before anything is analysed. Their order decides which exist when there are more
    /// than fit.
    fn locate(analysis: &mut Analysis<'_, Self>);

    /// Applies one instruction to the function in work: targets to follow, edges, references, ends. `previous` is the
    /// instruction before it in the same block.
    fn follow(
        analysis: &mut Analysis<'_, Self>,
        instruction: &Self::Instruction,
        row: Row<Self::Kind>,
        work: &mut Work<Self::Kind>,
        previous: Option<Row<Self::Kind>>,
    ) -> Step;

    /// Whether code in a gap that has no proper end is a function nevertheless.
    fn is_function_without_end(view: &ImageView<'_>, work: &Work<Self::Kind>) -> bool;

    /// Resolves what an accepted function calls through registers.
    fn resolve_calls(analysis: &mut Analysis<'_, Self>, work: &Work<Self::Kind>, accepted: &Accepted);

    /// What is at an address between functions. The address lies in the image.
    fn examine_gap(analysis: &mut Analysis<'_, Self>, address: u64) -> GapStep;

    /// Where the search goes on after a candidate at `address` that is no function; `failed_end` is the end of the
    /// straight run of code found there. `None`: at the next gap.
    fn resume_in_gap(analysis: &Analysis<'_, Self>, address: u64, failed_end: Option<u64>) -> Option<u64>;

    /// Analyses what the instruction set knows of only after everything else.
    fn finish(analysis: &mut Analysis<'_, Self>);
}

/// Everything known about an image while it is being analysed.
pub(crate) struct Analysis<'a, I: InstructionSet> {
    pub(crate) view: ImageView<'a>,
    /// Decoder and tables of the instruction set.
    pub(crate) isa: I,
    pub(crate) budget: Budget<'a>,
    pub(crate) candidates: Candidates,
    /// Bytes that noted calls start with.
    call_sources: Bitmap,
    /// Bytes known as data.
    pub(crate) data: Bitmap,
    /// Owner of a byte: number of a stored function plus one.
    pub(crate) owners: WordMap,
    /// Marks of the analyses, see [`work::mark`].
    marks: WordMap,
    /// Analyses started so far.
    analyses: u32,
    pub(crate) functions: Functions<I::Kind>,
    pub(crate) apis: ApiReferences,
    /// Alignment of much-called candidates.
    pub(crate) alignment: u32,
    gaps: GapSearch,
    /// Work and edges of analyses that are over, kept for their memory.
    spare: Vec<Work<I::Kind>>,
    spare_graph: blocks::Graph,
}

/// What an analysis found, for the report.
#[derive(Debug)]
pub(crate) struct Findings<'a, K> {
    /// The image.
    pub(crate) view: ImageView<'a>,
    /// All candidates, failed ones included.
    pub(crate) candidates: Candidates,
    /// Everything stored, what was taken back included.
    pub(crate) functions: Functions<K>,
    /// References to other modules.
    pub(crate) apis: ApiReferences,
    /// Alignment of much-called candidates: 0, 4 or 16.
    pub(crate) alignment: u32,
    /// Whether a budget ended the analysis.
    pub(crate) stopped: bool,
}

impl<'a, I: InstructionSet> Analysis<'a, I> {
    /// Prepares the analysis of an image.
    pub(crate) fn new(view: ImageView<'a>, isa: I, budget: Budget<'a>) -> Self {
        let len = view.data.len();
        Self {
            view,
            isa,
            budget,
            candidates: Candidates::default(),
            call_sources: Bitmap::new(len),
            data: Bitmap::new(len),
            owners: WordMap::new(len),
            marks: WordMap::new(len),
            analyses: 0,
            functions: Functions::default(),
            apis: ApiReferences::default(),
            alignment: 0,
            gaps: GapSearch::default(),
            spare: Vec::new(),
            spare_graph: blocks::Graph::default(),
        }
    }

    /// Runs all passes.
    pub(crate) fn run(mut self) -> (Findings<'a, I::Kind>, I) {
        I::locate(&mut self);
        self.drain();
        if !self.image().language.functions_only {
            self.search_gaps();
            self.drain();
            I::finish(&mut self);
            self.drain();
        }
        let findings = Findings {
            view: self.view,
            candidates: self.candidates,
            functions: self.functions,
            apis: self.apis,
            alignment: self.alignment,
            stopped: self.budget.is_exceeded(),
        };
        (findings, self.isa)
    }

    /// The image.
    pub(crate) fn image(&self) -> &'a Image {
        self.view.image
    }

    /// Analyses queued candidates until none waits.
    fn drain(&mut self) {
        let only_language = self.image().language.functions_only;
        while let Some(address) = self.candidates.pop(self.alignment) {
            if !self.budget.spend(QUEUE_COST) {
                return;
            }
            if only_language && self.candidates.get(address).is_some_and(|candidate| !candidate.language) {
                continue;
            }
            self.analyse(address, false, 0);
        }
    }

    /// Number of the stored function that owns a byte.
    pub(crate) fn owner(&self, address: u64) -> Option<u32> {
        self.owners.get(self.view.offset(address)?).checked_sub(1)
    }

    /// Address of an instruction.
    pub(crate) fn address(&self, row: Row<I::Kind>) -> u64 {
        self.view.base.wrapping_add(u64::from(row.offset))
    }
}

/// Units of work for taking a candidate from the queue: candidates without code must not be free.
const QUEUE_COST: u64 = 16;
