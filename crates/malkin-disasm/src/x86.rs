//! Intel x86 and x64: decoding as capstone 5 sees it, its text, and the rules of SMDA 5.0.1 for its functions.

mod candidate_sources;
mod control_flow;
mod data_reference;
pub mod decode;
mod early_return;
mod filler;
mod function_end;
mod gap_padding;
mod import_stub;
mod instruction_kind;
mod jump_table;
mod method_tables;
mod mnemonic_weights;
mod operand_text;
mod prologue;
mod register_call;
mod rows;
mod system_call;
pub mod text;

pub use decode::{Decoder, Stream};
pub use text::TextWriter;

use iced_x86::{Code, Instruction, Mnemonic, OpKind};
use malkin_loader::Image;
use malkin_report::Report;

use self::instruction_kind::InstructionKind;
use self::mnemonic_weights::{MAXIMUM_32, MAXIMUM_64, WEIGHTS};
use crate::flow::budget::Budget;
use crate::flow::candidate::EntryShape;
use crate::flow::gap::GapStep;
use crate::flow::image_view::ImageView;
use crate::flow::{self, Accepted, Analysis, Decoded, InstructionSet, Step};
use crate::report::{self, Listing, Spelling, Weights};

/// A kept instruction.
type Row = flow::work::Row<InstructionKind>;

/// The function in work.
type Work = flow::work::Work<InstructionKind>;

/// Recovers the functions of an Intel image and adds them to its report.
pub(crate) fn disassemble(image: &Image, budget: Budget<'_>, report: &mut Report) {
    let view = ImageView::new(image);
    let finder = Finder::new(&view);
    let (findings, mut finder) = Analysis::new(view, finder, budget).run();
    report::fill(report, &findings, &mut finder);
}

/// Decoder, text and tables of one image. The rules are methods of [`Analysis`], one file for each group of them.
pub(crate) struct Finder<'a> {
    decoder: Decoder,
    stream: Stream<'a>,
    writer: TextWriter,
    data: &'a [u8],
    /// Starts of jump tables that `lea` instructions refer to.
    table_starts: rustc_hash::FxHashSet<u64>,
}

impl<'a> Finder<'a> {
    fn new(view: &ImageView<'a>) -> Self {
        let decoder = Decoder::new(view.bits);
        Self {
            stream: decoder.stream(view.data, view.base),
            decoder,
            writer: TextWriter::new(view.bits),
            data: view.data,
            table_starts: jump_table::table_starts(view),
        }
    }
}

impl InstructionSet for Finder<'_> {
    type Kind = InstructionKind;
    type Instruction = Instruction;

    fn decode(&mut self, offset: usize) -> Option<Decoded<Self>> {
        let instruction = self.stream.decode(&self.decoder, offset)?;
        let (kind, length) = (InstructionKind::of(&instruction), instruction.len() as u8);
        Some(Decoded { instruction, kind, length })
    }

    fn entry_shape(view: &ImageView<'_>, address: u64) -> EntryShape {
        let code = view.window(address, prologue::WINDOW);
        let score = prologue::prologue_score(view.bits, code);
        let landing_pad = view.bits == 64 && code.starts_with(&prologue::ENDBR64);
        EntryShape { score, is_prologue: score > 0, landing_pad }
    }

    fn locate(analysis: &mut Analysis<'_, Self>) {
        analysis.collect_candidates();
    }

    fn follow(
        analysis: &mut Analysis<'_, Self>,
        instruction: &Instruction,
        row: Row,
        work: &mut Work,
        previous: Option<Row>,
    ) -> Step {
        analysis.apply(instruction, row, work, previous)
    }

    fn is_function_without_end(view: &ImageView<'_>, work: &Work) -> bool {
        function_end::is_plausible(view, work)
    }

    fn resolve_calls(analysis: &mut Analysis<'_, Self>, work: &Work, accepted: &Accepted) {
        analysis.resolve_register_calls(work, accepted);
    }

    fn examine_gap(analysis: &mut Analysis<'_, Self>, address: u64) -> GapStep {
        analysis.gap_step(address)
    }

    fn resume_in_gap(analysis: &Analysis<'_, Self>, address: u64, failed_end: Option<u64>) -> Option<u64> {
        analysis.padding_after(address, failed_end)
    }

    fn finish(analysis: &mut Analysis<'_, Self>) {
        analysis.analyse_method_tables();
    }
}

impl Listing for Finder<'_> {
    type Kind = InstructionKind;

    fn mnemonics() -> usize {
        Mnemonic::values().len()
    }

    fn weights(&self) -> Weights {
        let wide = self.decoder.bits() == 64;
        let unlisted = if wide { MAXIMUM_64 } else { MAXIMUM_32 };
        let listed = WEIGHTS.iter().map(|&(mnemonic, narrow, long)| {
            (mnemonic, if wide { long } else { narrow }.unwrap_or(unlisted))
        });
        Weights { listed: listed.collect(), unlisted }
    }

    fn write(&mut self, row: Row, mnemonic: &mut String, operands: &mut String) -> Option<Spelling> {
        let start = row.offset as usize;
        let instruction = self.stream.decode(&self.decoder, start)?;
        let code = self.data.get(start..start + usize::from(row.length))?;
        let plain = self.writer.mnemonic(&instruction, code, mnemonic);
        self.writer.operands(&instruction, code, operands);
        Some(if plain { Spelling::Fixed(instruction.mnemonic() as usize) } else { Spelling::Varying })
    }
}

/// Target of a relative branch.
pub fn branch_target(instruction: &Instruction) -> u64 {
    instruction.near_branch_target()
}

/// Whether capstone calls this `lcall` or `ljmp`: every far branch except the 16:32 form through memory.
pub fn is_far_branch(instruction: &Instruction) -> bool {
    matches!(instruction.op0_kind(), OpKind::FarBranch16 | OpKind::FarBranch32)
        || matches!(
            instruction.code(),
            Code::Call_m1616 | Code::Call_m1664 | Code::Jmp_m1616 | Code::Jmp_m1664
        )
}
