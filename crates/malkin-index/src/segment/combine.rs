//! One segment out of several, without the samples that were removed from them.
//!
//! Everything is sorted in the inputs and stays so when its numbers are mapped into the output, so concatenation and a stable
//! sort (which finds the runs) is a merge. Band keys and digests are carried over, not computed again.

#![expect(
    clippy::stable_sort_primitive,
    reason = "the inputs are a few sorted runs, which the stable sort merges in linear time"
)]

use super::bands::pack;
use super::encode::{Contents, encode};
use super::{Segment, section};
use crate::error::IndexError;
use crate::sample::{FunctionIds, SampleFacts, SampleRow, SampleTable};

/// Stands for what has no place in the output.
const GONE: u32 = u32::MAX;
/// Block postings from which on they are merged in pieces, by the leading bits of the hash, to bound the memory.
const PIECEWISE_FROM: usize = 1 << 20;
/// Leading bits that name a piece.
const PIECE_BITS: u32 = 8;

type Input<'a> = (&'a Segment, &'a SampleTable);

/// Where the numbers of one input went.
struct Mapping {
    functions: Vec<u32>,
    signatures: Vec<u32>,
    classes: Vec<u32>,
}

/// Merges segments of the same projection. The caller ensures that the sums of their counts stay below 2^32.
pub(crate) fn combine(
    inputs: &[Input<'_>],
    fingerprint: [u8; 32],
    signature_len: usize,
    num_bands: usize,
) -> Result<(Segment, SampleTable), IndexError> {
    let (mut contents, mut mappings) = combine_samples(inputs);
    combine_classes(inputs, &mut mappings, &mut contents, signature_len);
    let facts: Vec<SampleFacts> = contents.rows.iter().map(|row| row.facts).collect();
    // From here on classes stand for functions: 4 bytes a function are given back before the largest tables are made.
    for mapping in &mut mappings {
        mapping.functions = Vec::new();
    }
    let postings: usize = inputs.iter().map(|(segment, _)| segment.num_block_postings()).sum();
    let bits = if postings >= PIECEWISE_FROM { PIECE_BITS } else { 0 };
    let pieces = (0..1_u64 << bits).map(|piece| combine_blocks(inputs, &mappings, piece, bits));
    let image = encode(contents, (fingerprint, signature_len, num_bands), pieces, |band| {
        combine_band(inputs, &mappings, band)
    });
    Segment::made(image, &facts).map_err(IndexError::Image)
}

fn combine_samples(inputs: &[Input<'_>]) -> (Contents, Vec<Mapping>) {
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (input, (_, table)) in inputs.iter().enumerate() {
        // Removed samples end here: a merge is what gives their memory back.
        order.extend((0..table.rows().len()).filter(|at| table.rows()[*at].live).map(|at| (input, at)));
    }
    // By id, as `build` does it: a merged segment and one built of the same samples are equal byte by byte (docs/formats.md), which is how
    // `malkin verify` compares the index with the database.
    order.sort_by_key(|(input, at)| inputs[*input].1.rows()[*at].id);
    let mut mappings: Vec<Mapping> = inputs
        .iter()
        .map(|(segment, _)| Mapping {
            functions: vec![GONE; segment.num_functions() as usize],
            signatures: vec![GONE; segment.num_signatures() as usize],
            classes: vec![GONE; segment.num_classes as usize],
        })
        .collect();
    let mut contents = Contents::default();
    let mut next = 0_u32;
    for (input, at) in order {
        let (segment, table) = inputs[input];
        let old = &table.rows()[at];
        let functions = old.first_function as usize..(old.first_function + old.num_functions) as usize;
        for (slot, new) in mappings[input].functions[functions].iter_mut().zip(next..) {
            *slot = new;
        }
        let function_ids = match old.function_ids {
            FunctionIds::From(first) => FunctionIds::From(first),
            FunctionIds::Listed(from) => {
                let to = contents.listed_ids.len() as u32;
                let range = from as usize..from as usize + old.num_functions as usize;
                contents
                    .listed_ids
                    .extend(segment.packed(section::LISTED_IDS).slice(range).map(|id| id as i64));
                FunctionIds::Listed(to)
            }
        };
        contents.rows.push(SampleRow { first_function: next, function_ids, ..*old });
        next += old.num_functions;
    }
    contents.num_functions = next;
    (contents, mappings)
}

/// A class of an input: PicHash, digest, input, number.
type OldClass = (u64, u64, usize, u32);

fn combine_classes(
    inputs: &[Input<'_>],
    mappings: &mut [Mapping],
    contents: &mut Contents,
    signature_len: usize,
) {
    // Equal signatures of several inputs become one. So do classes that are equal in PicHash and digest below it: the digest stands for
    // the blocks here, which are not read for this.
    let mut order: Vec<(u32, u32)> = Vec::new();
    for (input, (segment, _)) in inputs.iter().enumerate() {
        order.extend((0..segment.num_signatures()).map(|number| (input as u32, number)));
    }
    let signatures: Vec<&[u8]> = inputs.iter().map(|(segment, _)| segment.signatures()).collect();
    let signature = |(input, number): &(u32, u32)| {
        let at = *number as usize * signature_len;
        &signatures[*input as usize][at..at + signature_len]
    };
    order.sort_by(|a, b| signature(a).cmp(signature(b)));
    let mut classes: Vec<OldClass> = Vec::new();
    for group in order.chunk_by(|a, b| signature(a) == signature(b)) {
        classes.clear();
        for (input, number) in group {
            let segment = inputs[*input as usize].0;
            let of = segment.packed(section::SIGNATURE_CLASSES);
            add_classes(
                segment,
                *input as usize,
                of.range(*number as usize, segment.num_classes as usize),
                &mut classes,
            );
        }
        let first = contents.class_pichashes.len();
        merge_classes(inputs, mappings, contents, &mut classes);
        if contents.class_pichashes.len() > first {
            let new = contents.num_signatures(signature_len) as u32;
            contents.signatures.extend_from_slice(signature(&group[0]));
            contents.signature_classes.push(first as u32);
            for (input, number) in group {
                mappings[*input as usize].signatures[*number as usize] = new;
            }
        }
    }
    drop(order);
    classes.clear();
    for (input, (segment, _)) in inputs.iter().enumerate() {
        let of = segment.packed(section::SIGNATURE_CLASSES);
        let from = of.get(segment.num_signatures() as usize) as usize;
        add_classes(segment, input, from..segment.num_classes as usize, &mut classes);
    }
    contents.signature_classes.push(contents.class_pichashes.len() as u32);
    merge_classes(inputs, mappings, contents, &mut classes);
}

fn add_classes(segment: &Segment, input: usize, range: std::ops::Range<usize>, classes: &mut Vec<OldClass>) {
    let (pichashes, digests) =
        (segment.packed(section::CLASS_PICHASHES), segment.packed(section::CLASS_DIGESTS));
    classes.extend(range.map(|class| (pichashes.get(class), digests.get(class), input, class as u32)));
}

/// Merges the classes of one signature, or of none.
fn merge_classes(
    inputs: &[Input<'_>],
    mappings: &mut [Mapping],
    contents: &mut Contents,
    classes: &mut [OldClass],
) {
    classes.sort();
    let mut functions = Vec::new();
    for same in classes.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        functions.clear();
        for (_, _, input, class) in same {
            let old = inputs[*input].0.functions_of_classes(*class as usize..*class as usize + 1);
            let map = &mappings[*input].functions;
            functions.extend(old.map(|function| map[function as usize]).filter(|new| *new != GONE));
        }
        if functions.is_empty() {
            continue;
        }
        functions.sort();
        let number = contents.begin_class(same[0].0, same[0].1);
        contents.functions.extend_from_slice(&functions);
        for (_, _, input, class) in same {
            mappings[*input].classes[*class as usize] = number;
        }
    }
}

fn combine_band(inputs: &[Input<'_>], mappings: &[Mapping], band: usize) -> Vec<u64> {
    let mut pairs = Vec::new();
    for ((segment, _), mapping) in inputs.iter().zip(mappings) {
        let old = segment.band(band).into_iter().flat_map(super::BandTable::pairs);
        let mapped = old.filter_map(|(key, old)| Some((key, *mapping.signatures.get(old as usize)?)));
        pairs.extend(mapped.filter(|(_, new)| *new != GONE).map(|(key, new)| pack(key, new)));
    }
    pairs.sort();
    pairs.dedup();
    pairs
}

fn combine_blocks(inputs: &[Input<'_>], mappings: &[Mapping], piece: u64, bits: u32) -> Vec<(u64, u32)> {
    let mut pairs = Vec::new();
    for ((segment, _), mapping) in inputs.iter().zip(mappings) {
        segment.each_block(piece, bits, |hash, old| {
            if let Some(new) = mapping.classes.get(old as usize).filter(|new| **new != GONE) {
                pairs.push((hash, *new));
            }
        });
    }
    pairs.sort();
    pairs.dedup();
    pairs
}
