//! The nearest function of every sample to one signature.

use malkin_index::{FunctionRef, IndexReader, SampleNo, SignatureNo};
use malkin_report::FunctionId;

/// A function with its number of equal positions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Near {
    pub(crate) function: FunctionRef,
    pub(crate) equal: u16,
    /// Whether bands lead to a function of its sample.
    pub(crate) banded: bool,
}

/// A signature above the threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NearSignature {
    pub(crate) signature: SignatureNo,
    /// Equal positions.
    pub(crate) equal: u16,
    /// Whether it shares the required number of band keys.
    pub(crate) banded: bool,
}

/// Where the best function of a sample stands in the list.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Number of the search that wrote the slot last.
    search: u32,
    at: u32,
}

/// Working memory: eight bytes for each sample of the index, and what was found.
#[derive(Debug, Default)]
pub(crate) struct NearestBySample {
    slots: Vec<Slot>,
    search: u32,
    foreign: Vec<Near>,
    own: Vec<(u16, FunctionId)>,
}

impl NearestBySample {
    /// Collects the functions that carry the given signatures: of every foreign sample the
    /// nearest, the first among equals; of the own sample the two nearest, because one of them may be the function itself.
    pub(crate) fn collect(
        &mut self,
        reader: &IndexReader,
        own: Option<SampleNo>,
        signatures: &[NearSignature],
    ) {
        self.foreign.clear();
        self.own.clear();
        self.slots.resize(reader.num_sample_slots(), Slot::default());
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.slots.fill(Slot::default());
            self.search = 1;
        }
        for NearSignature { signature, equal, banded } in signatures.iter().copied() {
            for function in reader.functions_of(signature) {
                if own == Some(function.sample) {
                    self.own.push((equal, reader.function_id(function)));
                } else {
                    self.offer(Near { function, equal, banded });
                }
            }
        }
        // Two are enough: one of them may be the function that asks.
        self.own.sort_unstable_by_key(|(equal, id)| (std::cmp::Reverse(*equal), *id));
        self.own.truncate(2);
    }

    fn offer(&mut self, offered: Near) {
        let slot = &mut self.slots[offered.function.sample.index()];
        if slot.search != self.search {
            *slot = Slot { search: self.search, at: self.foreign.len() as u32 };
            self.foreign.push(offered);
            return;
        }
        let best = &mut self.foreign[slot.at as usize];
        let nearer = offered.equal > best.equal;
        // Of equally near functions the one with the lowest number: the result does not depend on the order of segments.
        if nearer || offered.equal == best.equal && offered.function.function < best.function.function {
            *best = Near { banded: best.banded || offered.banded, ..offered };
        } else {
            best.banded |= offered.banded;
        }
    }

    /// The nearest function of each foreign sample, in no particular order.
    pub(crate) fn foreign(&self) -> &[Near] {
        &self.foreign
    }

    /// The nearest function of the own sample other than `function`.
    pub(crate) fn own(&self, function: FunctionId) -> Option<FunctionId> {
        self.own.iter().map(|(_, id)| *id).find(|id| *id != function)
    }
}
