//! The reader's side of the index: an unchanging view with one numbering over all segments.

mod exact;

use std::sync::Arc;

use malkin_codehash::Projection;
use malkin_report::{BlockHash, FunctionId, PicHash, SampleId};

pub use exact::Close;

use crate::numbers::{FunctionNo, FunctionRef, SampleNo, SignatureNo};
use crate::sample::SampleFacts;
use crate::scratch::Scratch;
use crate::segment_entry::SegmentEntry;

/// Where the numbers of a entry start.
#[derive(Clone, Copy, Debug)]
struct Base {
    signature: u32,
    sample: u32,
    function: u32,
}

/// The state of an index at one moment. Cheap to make and to keep; any number of threads may read it.
#[derive(Clone, Debug)]
pub struct IndexReader {
    projection: Arc<Projection>,
    signature_len: usize,
    segments: Vec<SegmentEntry>,
    bases: Vec<Base>,
    end: Base,
}

impl IndexReader {
    pub(crate) fn new(
        projection: Arc<Projection>,
        signature_len: usize,
        segments: Vec<SegmentEntry>,
    ) -> Self {
        let mut end = Base { signature: 0, sample: 0, function: 0 };
        let bases = segments
            .iter()
            .map(|entry| {
                let base = end;
                // The writer keeps all three sums below 2^32 (there are no more signatures than functions).
                end.signature += entry.segment.num_signatures();
                end.sample += entry.samples.rows().len() as u32;
                end.function += entry.segment.num_functions();
                base
            })
            .collect();
        Self { projection, signature_len, segments, bases, end }
    }

    /// The bands signatures are indexed under.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Bytes of a signature.
    pub fn signature_len(&self) -> usize {
        self.signature_len
    }

    /// Number of distinct signatures; every [`SignatureNo`] is below it.
    pub fn num_signatures(&self) -> usize {
        self.end.signature as usize
    }

    /// Every [`SampleNo`] is below it; removed samples count.
    pub fn num_sample_slots(&self) -> usize {
        self.end.sample as usize
    }

    /// Every [`FunctionNo`] is below it; functions of removed samples count.
    pub fn num_function_slots(&self) -> usize {
        self.end.function as usize
    }

    /// The bytes of a signature.
    pub fn signature(&self, number: SignatureNo) -> &[u8] {
        let at = self.part_of(number.0, |base| base.signature);
        self.segments[at].segment.signature(number.0 - self.bases[at].signature)
    }

    /// Number of values a signature consists of.
    pub fn num_positions(&self) -> usize {
        self.projection.signature_length()
    }

    /// Number of positions at which a signature and an indexed one are equal; 0 if their lengths differ.
    pub fn equal_positions(&self, signature: &[u8], number: SignatureNo) -> u32 {
        exact::equal(signature, self.signature(number), self.position_width())
    }

    /// Bytes of a position.
    fn position_width(&self) -> usize {
        self.signature_len / self.num_positions().max(1)
    }

    /// Functions of a sample in ascending order of their ids.
    pub fn functions_in(&self, sample: SampleNo) -> impl Iterator<Item = FunctionRef> + '_ {
        let at = self.part_of(sample.0, |base| base.sample);
        let base = self.bases[at];
        let row = &self.segments[at].samples.rows()[(sample.0 - base.sample) as usize];
        let first = base.function + row.first_function;
        (first..first + row.num_functions)
            .map(move |function| FunctionRef { sample, function: FunctionNo(function) })
    }

    /// Functions that carry a signature, in no particular order.
    pub fn functions_of(&self, number: SignatureNo) -> impl Iterator<Item = FunctionRef> + '_ {
        let at = self.part_of(number.0, |base| base.signature);
        self.live(at, self.segments[at].segment.functions_of(number.0 - self.bases[at].signature))
    }

    /// Distinct signatures that share at least `required` band keys with a signature, ascending. None if `required` is 0 or
    /// the signature is not one of this index's length. May name signatures whose functions have all been removed.
    pub fn candidates<'s>(
        &self,
        signature: &[u8],
        required: u32,
        scratch: &'s mut Scratch,
    ) -> &'s [SignatureNo] {
        scratch.begin(self.num_signatures());
        let required = u16::try_from(required).unwrap_or(u16::MAX);
        if required > 0 && signature.len() == self.signature_len && !signature.is_empty() {
            let keys: Vec<u32> = self.projection.keys(signature).collect();
            let mut places = Vec::with_capacity(keys.len());
            for (entry, base) in self.segments.iter().zip(&self.bases) {
                places.clear();
                places.extend(keys.iter().enumerate().filter_map(|(band, key)| {
                    let table = entry.segment.band(band)?;
                    Some((table, *key, table.bucket(*key)))
                }));
                for (table, key, place) in &mut places {
                    *place = table.within(place.clone(), *key);
                }
                for (table, _, place) in &places {
                    for signature in table.signatures(place.clone()) {
                        scratch.count(base.signature.wrapping_add(signature), required);
                    }
                }
            }
        }
        scratch.found.sort_unstable();
        &scratch.found
    }

    /// Functions with a PicHash. None for 0, which stands for "no PicHash".
    pub fn with_pichash(&self, pichash: PicHash) -> impl Iterator<Item = FunctionRef> + '_ {
        (0..self.segments.len())
            .flat_map(move |at| self.live(at, self.segments[at].segment.with_pichash(pichash)))
    }

    /// Functions that have a basic block with this hash.
    pub fn with_block(&self, block: BlockHash) -> impl Iterator<Item = FunctionRef> + '_ {
        (0..self.segments.len())
            .flat_map(move |at| self.live(at, self.segments[at].segment.with_block(block)))
    }

    /// The number of a sample in this reader.
    pub fn sample_no(&self, id: SampleId) -> Option<SampleNo> {
        let mut segments = self.segments.iter().zip(&self.bases);
        segments.find_map(|(entry, base)| Some(SampleNo(base.sample + entry.samples.find_live(id)? as u32)))
    }

    /// The id of a sample.
    pub fn sample_id(&self, sample: SampleNo) -> SampleId {
        let at = self.part_of(sample.0, |base| base.sample);
        self.segments[at].samples.rows()[(sample.0 - self.bases[at].sample) as usize].id
    }

    /// Family and library flag of a sample.
    pub fn sample_facts(&self, sample: SampleNo) -> SampleFacts {
        let at = self.part_of(sample.0, |base| base.sample);
        self.segments[at].samples.rows()[(sample.0 - self.bases[at].sample) as usize].facts
    }

    /// The id of a function.
    pub fn function_id(&self, function: FunctionRef) -> FunctionId {
        let at = self.part_of(function.sample.0, |base| base.sample);
        let (entry, base) = (&self.segments[at], self.bases[at]);
        let row = &entry.samples.rows()[(function.sample.0 - base.sample) as usize];
        entry.segment.function_id(row, function.function.0 - base.function)
    }

    /// The entry a number belongs to. Empty segments share their base with the next one, which is the one that is meant.
    fn part_of(&self, number: u32, base: impl Fn(&Base) -> u32) -> usize {
        self.bases.partition_point(|other| base(other) <= number).saturating_sub(1)
    }

    /// Functions of a entry by their numbers in it, with their samples and without those of samples that were removed.
    fn live<'a>(
        &'a self,
        at: usize,
        functions: impl Iterator<Item = u32> + 'a,
    ) -> impl Iterator<Item = FunctionRef> + 'a {
        let entry = &self.segments[at];
        let (rows, base) = (entry.samples.rows(), self.bases[at]);
        let all = !entry.samples.has_dead();
        let mut near = 0;
        functions.filter_map(move |function| {
            near = entry.segment.row_of(function, near);
            let live = near < rows.len() && (all || rows[near].live);
            live.then_some(FunctionRef {
                sample: SampleNo(base.sample + near as u32),
                function: FunctionNo(base.function + function),
            })
        })
    }
}
