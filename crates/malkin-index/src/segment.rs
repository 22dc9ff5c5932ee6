//! An immutable part of the index: some samples' signatures, PicHashes and block hashes as sorted arrays.
//!
//! Numbers inside a segment count from 0: samples in ascending order of their ids, functions in ascending order of
//! (sample, function), signatures in ascending order of their bytes.

mod bands;
mod build;
mod combine;
mod postings;

use malkin_report::{BlockHash, FunctionId, PicHash};

pub(crate) use bands::BandTable;
pub(crate) use build::build;
pub(crate) use combine::combine;
pub(crate) use postings::HashPostings;

use crate::sample::{FunctionIds, SampleRow};

/// A function inside a segment together with its sample. Ascending order is that of (sample, function) ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Posting {
    pub(crate) sample: u32,
    pub(crate) function: u32,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Segment {
    signature_len: usize,
    /// Distinct signatures one behind the other.
    signatures: Vec<u8>,
    /// Where the postings of each signature start; one more than there are signatures.
    starts: Vec<u32>,
    postings: Vec<Posting>,
    pichashes: HashPostings<Posting>,
    /// Functions only: blocks are asked for rarely, and are many.
    blocks: HashPostings<u32>,
    bands: Vec<BandTable>,
    /// Numbers of functions of samples whose numbers are not consecutive.
    listed_ids: Vec<i64>,
    num_functions: u32,
}

impl Segment {
    pub(crate) fn num_functions(&self) -> u32 {
        self.num_functions
    }

    pub(crate) fn num_signatures(&self) -> u32 {
        // One start for each signature and a last one; never more than u32::MAX, which the builders check.
        (self.starts.len() - 1) as u32
    }

    pub(crate) fn num_pichashes(&self) -> usize {
        self.pichashes.len()
    }

    pub(crate) fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(crate) fn num_block_postings(&self) -> usize {
        self.blocks.num_items()
    }

    pub(crate) fn signature(&self, number: u32) -> &[u8] {
        let at = number as usize * self.signature_len;
        &self.signatures[at..at + self.signature_len]
    }

    /// All signatures one behind the other.
    pub(crate) fn signatures(&self) -> &[u8] {
        &self.signatures
    }

    /// Functions that carry a signature, in ascending order.
    pub(crate) fn functions_of(&self, number: u32) -> &[Posting] {
        let number = number as usize;
        &self.postings[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    pub(crate) fn with_pichash(&self, pichash: PicHash) -> &[Posting] {
        self.pichashes.get(pichash.get())
    }

    pub(crate) fn with_block(&self, block: BlockHash) -> &[u32] {
        self.blocks.get(block.get())
    }

    pub(crate) fn bands(&self) -> &[BandTable] {
        &self.bands
    }

    /// Number of a function that belongs to the sample of `row`.
    pub(crate) fn function_id(&self, row: &SampleRow, function: u32) -> FunctionId {
        let ordinal = function - row.first_function;
        FunctionId::new(match row.function_ids {
            FunctionIds::From(first) => first + i64::from(ordinal),
            FunctionIds::Listed(at) => self.listed_ids[at as usize + ordinal as usize],
        })
    }

    /// Bytes on the heap apart from the signatures themselves.
    pub(crate) fn overhead_bytes(&self) -> usize {
        self.starts.capacity() * size_of::<u32>()
            + self.postings.capacity() * size_of::<Posting>()
            + self.pichashes.bytes()
            + self.blocks.bytes()
            + self.bands.iter().map(BandTable::bytes).sum::<usize>()
            + self.listed_ids.capacity() * size_of::<i64>()
    }

    /// Bytes of the signatures.
    pub(crate) fn signature_bytes(&self) -> usize {
        self.signatures.capacity()
    }
}
