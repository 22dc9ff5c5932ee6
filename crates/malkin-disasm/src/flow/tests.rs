//! The engine with an instruction set of its own: every instruction is an opcode and an operand of one byte. What holds
//! here holds for every instruction set; what is special about one is tested in its folder.

use malkin_loader::{Image, LoadOptions, load};
use proptest::prelude::*;

use super::budget::{Budget, Limits};
use super::candidate::EntryShape;
use super::functions::Stored;
use super::gap::GapStep;
use super::image_view::ImageView;
use super::work::{Row, Work};
use super::{Accepted, Analysis, Decoded, Findings, InstructionKind, InstructionSet, Step};

/// Address of the first byte.
const BASE: u64 = 0x1000;

/// Opcode that does not change where code goes.
const PLAIN: u8 = 0x10;
/// Opcodes with a signed distance from the next instruction, in instructions.
const CALL: u8 = 0x20;
const JUMP: u8 = 0x30;
const BRANCH: u8 = 0x40;
/// Opcode that ends a function.
const RETURN: u8 = 0x50;
/// Fills the space between functions, in pairs.
const PAD: u8 = 0xaa;
/// Not decodable.
const BAD: u8 = 0xff;

impl InstructionKind for u8 {
    fn is_call(self) -> bool {
        self == CALL
    }

    fn ends_block(self) -> bool {
        self == RETURN
    }

    fn ends_run(self) -> bool {
        matches!(self, RETURN | JUMP)
    }
}

/// The instruction set, with the starts it states and whether each is certain enough to be analysed first.
struct Toy {
    code: Vec<u8>,
    starts: Vec<(u64, bool)>,
}

impl InstructionSet for Toy {
    type Kind = u8;
    type Instruction = i8;

    fn decode(&mut self, offset: usize) -> Option<Decoded<Self>> {
        let &[kind, operand] = self.code.get(offset..)?.first_chunk::<2>()?;
        let known = matches!(kind, PLAIN | CALL | JUMP | BRANCH | RETURN);
        known.then_some(Decoded { instruction: operand.cast_signed(), kind, length: 2 })
    }

    fn entry_shape(_: &ImageView<'_>, _: u64) -> EntryShape {
        EntryShape::default()
    }

    fn locate(analysis: &mut Analysis<'_, Self>) {
        for (start, certain) in analysis.isa.starts.clone() {
            analysis.note(start, |candidate| {
                candidate.symbol = true;
                candidate.exception = certain;
                candidate.initial = true;
            });
        }
        analysis.candidates.freeze();
    }

    fn follow(
        analysis: &mut Analysis<'_, Self>,
        distance: &i8,
        row: Row<u8>,
        work: &mut Work<u8>,
        _: Option<Row<u8>>,
    ) -> Step {
        let address = analysis.address(row);
        let next = address + 2;
        let target = next.wrapping_add_signed(2 * i64::from(*distance));
        match row.kind {
            CALL if analysis.view.contains(target) => work.edge(address, target),
            JUMP => {
                analysis.push(work, target);
                work.jump_edge(address, target);
                work.reachable = false;
                work.ending = true;
            }
            BRANCH => {
                analysis.push(work, next);
                analysis.push(work, target);
                work.jump_edge(address, target);
                work.ending = true;
            }
            RETURN => work.finish(),
            _ => {}
        }
        work.leaf &= row.kind != CALL;
        Step::Take
    }

    fn is_function_without_end(_: &ImageView<'_>, _: &Work<u8>) -> bool {
        false
    }

    fn resolve_calls(_: &mut Analysis<'_, Self>, _: &Work<u8>, _: &Accepted) {}

    fn examine_gap(analysis: &mut Analysis<'_, Self>, address: u64) -> GapStep {
        if analysis.view.byte(address) == Some(PAD) {
            return GapStep::Skip(address + 2);
        }
        analysis.skip_known(address).map_or(GapStep::Code, GapStep::Skip)
    }

    fn resume_in_gap(_: &Analysis<'_, Self>, _: u64, failed_end: Option<u64>) -> Option<u64> {
        failed_end
    }

    fn finish(_: &mut Analysis<'_, Self>) {}
}

fn image_of(code: &[u8]) -> Image {
    load(code, &LoadOptions::buffer(BASE, Some(32))).expect("a buffer is mapped as it is")
}

fn analyse<'a>(image: &'a Image, starts: &[(u64, bool)], budget: Budget<'a>) -> Findings<'a, u8> {
    let toy = Toy { code: image.data.clone(), starts: starts.to_vec() };
    Analysis::new(ImageView::new(image), toy, budget).run().0
}

/// The functions that stay, by start.
fn alive<'a>(findings: &'a Findings<'_, u8>) -> Vec<&'a Stored<u8>> {
    let mut functions: Vec<_> = findings.functions.all().iter().filter(|function| function.alive).collect();
    functions.sort_by_key(|function| function.start);
    functions
}

fn starts_of(findings: &Findings<'_, u8>) -> Vec<u64> {
    alive(findings).iter().map(|function| function.start).collect()
}

#[test]
fn a_branch_and_its_target_cut_a_function_into_three_blocks() {
    let image = image_of(&[BRANCH, 1, PLAIN, 0, RETURN, 0]);
    let findings = analyse(&image, &[(BASE, false)], Budget::new(Limits::default(), &|| true));
    let functions = alive(&findings);
    let [function] = functions.as_slice() else { panic!("{functions:?}") };
    let spans: Vec<_> = function.blocks.iter().map(|block| block.span()).collect();
    assert_eq!(spans, [0..1, 1..2, 2..3]);
    assert_eq!(function.borders, (BASE, BASE + 6));
    assert_eq!(function.edges, [(BASE, BASE + 2), (BASE, BASE + 4), (BASE + 2, BASE + 4)]);
    assert!(function.leaf && !findings.stopped);
}

#[test]
fn a_call_ends_no_block_and_makes_the_function_no_leaf() {
    let image = image_of(&[CALL, 1, PLAIN, 0, RETURN, 0]);
    let findings = analyse(&image, &[(BASE, false)], Budget::new(Limits::default(), &|| true));
    let functions = alive(&findings);
    assert_eq!(functions[0].rows.len(), 3);
    assert!(functions[0].edges.contains(&(BASE, BASE + 4)) && !functions[0].leaf);
    let ends_at_call = functions[0].blocks.iter().any(|block| block.span() == (0..1));
    assert!(!ends_at_call, "{:?}", functions[0].blocks);
}

#[test]
fn code_between_functions_is_one_only_with_a_proper_end() {
    let code = [PLAIN, 0, RETURN, 0, PAD, PAD, PLAIN, 0, RETURN, 0, PAD, PAD, PLAIN, 0, BAD, BAD];
    let image = image_of(&code);
    let findings = analyse(&image, &[(BASE, false)], Budget::new(Limits::default(), &|| true));
    assert_eq!(starts_of(&findings), [BASE, BASE + 6]);
    let found =
        |address| findings.candidates.get(address).map(|candidate| (candidate.gap, candidate.aborted));
    assert_eq!(found(BASE + 6), Some((true, false)));
    assert_eq!(found(BASE + 12), Some((true, true)));
    assert_eq!(found(BASE + 4), None, "padding is no candidate");
}

#[test]
fn the_function_analysed_first_keeps_its_bytes_and_nothing_falls_into_it() {
    let image = image_of(&[PLAIN, 0, PLAIN, 0, PLAIN, 0, RETURN, 0]);
    let starts = [(BASE, false), (BASE + 4, true)];
    let findings = analyse(&image, &starts, Budget::new(Limits::default(), &|| true));
    let functions = alive(&findings);
    assert_eq!(starts_of(&findings), [BASE, BASE + 4]);
    assert_eq!(functions[0].borders, (BASE, BASE + 4));
    assert_eq!(functions[0].edges, [(BASE, BASE + 2)]);
}

#[test]
fn a_start_inside_of_a_function_is_none() {
    let image = image_of(&[PLAIN, 0, PLAIN, 0, RETURN, 0]);
    let starts = [(BASE, true), (BASE + 2, false)];
    let findings = analyse(&image, &starts, Budget::new(Limits::default(), &|| true));
    assert_eq!(starts_of(&findings), [BASE]);
    assert!(findings.candidates.get(BASE + 2).is_some_and(|candidate| candidate.aborted));
}

#[test]
fn two_instructions_of_zero_bytes_are_no_code() {
    let image = image_of(&[PLAIN, 0, RETURN, 0, 0, 0, 0, 0]);
    let findings =
        analyse(&image, &[(BASE, false), (BASE + 4, false)], Budget::new(Limits::default(), &|| true));
    assert_eq!(starts_of(&findings), [BASE]);
}

#[test]
fn the_analysis_stops_at_the_most_functions() {
    let image = image_of(&[RETURN, 0].repeat(50));
    let starts: Vec<_> = (0..50).map(|number| (BASE + 2 * number, false)).collect();
    let limits = Limits { max_functions: 10, ..Limits::default() };
    let findings = analyse(&image, &starts, Budget::new(limits, &|| true));
    assert!(findings.stopped);
    assert_eq!(findings.functions.all().len(), 10);
}

/// Instructions and padding in any order.
fn programs() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop::sample::select(vec![PLAIN, PLAIN, CALL, JUMP, BRANCH, RETURN, PAD, BAD, 0]);
    let pairs = prop::collection::vec((opcode, -20i8..20), 1..120);
    pairs.prop_map(|pairs| {
        let bytes = pairs.into_iter().flat_map(|(opcode, operand)| [opcode, operand.cast_unsigned()]);
        bytes.collect()
    })
}

proptest! {
    #[test]
    fn functions_share_no_instruction_and_are_made_of_their_blocks(
        code in programs(),
        starts in prop::collection::vec((0u64..120, any::<bool>()), 0..12),
    ) {
        let starts: Vec<_> = starts.into_iter().map(|(pair, certain)| (BASE + 2 * pair, certain)).collect();
        let image = image_of(&code);
        let findings = analyse(&image, &starts, Budget::new(Limits::default(), &|| true));
        let mut owned = vec![false; code.len()];
        for function in alive(&findings) {
            prop_assert!(function.rows.is_sorted_by(|a, b| a.offset < b.offset));
            for row in &function.rows {
                prop_assert!(!std::mem::replace(&mut owned[row.offset as usize], true));
            }
            let heads: Vec<u64> = function
                .blocks
                .iter()
                .map(|block| BASE + u64::from(function.rows[block.first as usize].offset))
                .collect();
            prop_assert!(heads.is_sorted_by(|a, b| a < b) && heads.contains(&function.start));
            prop_assert!(function.blocks.iter().all(|block| block.count > 0 && block.end() <= function.rows.len()));
            for &(from, to) in &function.edges {
                let own = function.rows.iter().any(|row| BASE + u64::from(row.offset) == from);
                prop_assert!(own, "the edge from {from:#x} to {to:#x} leaves another function");
            }
        }
        prop_assert!(!findings.stopped);
    }
}
