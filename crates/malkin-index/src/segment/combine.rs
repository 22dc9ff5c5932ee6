//! One segment out of several, without the samples that were removed from them.
//!
//! Everything is sorted in the inputs and stays so when its numbers are mapped into the output, so concatenation and a stable
//! sort (which finds the runs) is a merge. Band keys are carried over, not computed anew.

#![expect(
    clippy::stable_sort_primitive,
    reason = "the inputs are a few sorted runs, which the stable sort merges in linear time"
)]

use super::{BandTable, HashPostings, Posting, Segment, bands::pack};
use crate::sample::{FunctionIds, SampleRow, SampleTable};

/// Stands for what has no place in the output.
const GONE: u32 = u32::MAX;

/// Where the numbers of one input went.
struct Mapping {
    samples: Vec<u32>,
    /// By old sample: what to add to an old function number, modulo 2^32.
    shifts: Vec<u32>,
    signatures: Vec<u32>,
}

impl Mapping {
    fn posting(&self, old: Posting) -> Option<Posting> {
        let sample = self.samples[old.sample as usize];
        let function = old.function.wrapping_add(self.shifts[old.sample as usize]);
        (sample != GONE).then_some(Posting { sample, function })
    }
}

/// Merges segments of the same projection. The caller sees to it that the sums of their counts stay below 2^32.
pub(crate) fn combine(inputs: &[(&Segment, &SampleTable)], signature_len: usize) -> (Segment, SampleTable) {
    let (rows, listed_ids, mut mappings) = combine_samples(inputs);
    let num_functions = rows.iter().map(|row| row.num_functions).sum();
    let (signatures, starts, postings) = combine_signatures(inputs, &mut mappings);
    let num_bands = inputs.first().map_or(0, |(segment, _)| segment.bands.len());
    let bands = (0..num_bands).map(|band| combine_band(inputs, &mappings, band)).collect();
    let segment = Segment {
        signature_len,
        signatures,
        starts,
        postings,
        pichashes: combine_pichashes(inputs, &mappings),
        blocks: combine_blocks(inputs, &mappings),
        bands,
        listed_ids,
        num_functions,
    };
    (segment, SampleTable::new(rows))
}

fn combine_samples(inputs: &[(&Segment, &SampleTable)]) -> (Vec<SampleRow>, Vec<i64>, Vec<Mapping>) {
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (input, (_, table)) in inputs.iter().enumerate() {
        order.extend((0..table.rows().len()).filter(|at| table.rows()[*at].live).map(|at| (input, at)));
    }
    order.sort_by_key(|(input, at)| inputs[*input].1.rows()[*at].id);
    let mut mappings: Vec<Mapping> = inputs
        .iter()
        .map(|(_, table)| Mapping {
            samples: vec![GONE; table.rows().len()],
            shifts: vec![0; table.rows().len()],
            signatures: Vec::new(),
        })
        .collect();
    let (mut rows, mut listed_ids, mut next) = (Vec::with_capacity(order.len()), Vec::new(), 0_u32);
    for (input, at) in order {
        let (segment, table) = inputs[input];
        let old = &table.rows()[at];
        mappings[input].samples[at] = rows.len() as u32;
        mappings[input].shifts[at] = next.wrapping_sub(old.first_function);
        let function_ids = match old.function_ids {
            FunctionIds::From(first) => FunctionIds::From(first),
            FunctionIds::Listed(from) => {
                let to = listed_ids.len() as u32;
                listed_ids.extend_from_slice(
                    &segment.listed_ids[from as usize..(from + old.num_functions) as usize],
                );
                FunctionIds::Listed(to)
            }
        };
        rows.push(SampleRow { first_function: next, function_ids, ..*old });
        next += old.num_functions;
    }
    (rows, listed_ids, mappings)
}

fn combine_signatures(
    inputs: &[(&Segment, &SampleTable)],
    mappings: &mut [Mapping],
) -> (Vec<u8>, Vec<u32>, Vec<Posting>) {
    let mut order: Vec<(usize, u32)> = Vec::new();
    for (input, (segment, _)) in inputs.iter().enumerate() {
        order.extend((0..segment.num_signatures()).map(|number| (input, number)));
        mappings[input].signatures = vec![GONE; segment.num_signatures() as usize];
    }
    order.sort_by_key(|(input, number)| inputs[*input].0.signature(*number));
    let (mut signatures, mut starts, mut postings) = (Vec::new(), vec![0], Vec::new());
    let same =
        |a: &(usize, u32), b: &(usize, u32)| inputs[a.0].0.signature(a.1) == inputs[b.0].0.signature(b.1);
    for group in order.chunk_by(same) {
        let from = postings.len();
        for (input, number) in group {
            let old = inputs[*input].0.functions_of(*number);
            postings.extend(old.iter().filter_map(|posting| mappings[*input].posting(*posting)));
        }
        if postings.len() == from {
            continue;
        }
        postings[from..].sort();
        for (input, number) in group {
            mappings[*input].signatures[*number as usize] = (starts.len() - 1) as u32;
        }
        signatures.extend_from_slice(inputs[group[0].0].0.signature(group[0].1));
        starts.push(postings.len() as u32);
    }
    signatures.shrink_to_fit();
    starts.shrink_to_fit();
    postings.shrink_to_fit();
    (signatures, starts, postings)
}

fn combine_band(inputs: &[(&Segment, &SampleTable)], mappings: &[Mapping], band: usize) -> BandTable {
    let mut pairs = Vec::new();
    for ((segment, _), mapping) in inputs.iter().zip(mappings) {
        let mapped = segment.bands[band].pairs().map(|(key, old)| (key, mapping.signatures[old as usize]));
        pairs.extend(mapped.filter(|(_, new)| *new != GONE).map(|(key, new)| pack(key, new)));
    }
    pairs.sort();
    pairs.dedup();
    BandTable::from_sorted(&pairs)
}

fn combine_pichashes(inputs: &[(&Segment, &SampleTable)], mappings: &[Mapping]) -> HashPostings<Posting> {
    let mut pairs = Vec::new();
    for ((segment, _), mapping) in inputs.iter().zip(mappings) {
        pairs.extend(segment.pichashes.pairs().filter_map(|(hash, old)| Some((hash, mapping.posting(old)?))));
    }
    pairs.sort();
    HashPostings::from_sorted(&pairs)
}

fn combine_blocks(inputs: &[(&Segment, &SampleTable)], mappings: &[Mapping]) -> HashPostings<u32> {
    let mut pairs = Vec::new();
    for ((segment, table), mapping) in inputs.iter().zip(mappings) {
        let posting = |function| Posting { sample: table.row_of_function(function) as u32, function };
        let mapped = segment
            .blocks
            .pairs()
            .filter_map(|(hash, old)| Some((hash, mapping.posting(posting(old))?.function)));
        pairs.extend(mapped);
    }
    pairs.sort();
    HashPostings::from_sorted(&pairs)
}
