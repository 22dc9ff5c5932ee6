//! Matches before anybody's name is known: the state between scoring and the result.

use std::ops::Range;

use malkin_index::{FunctionRef, IndexReader, SampleNo};
use malkin_report::{Amount, FunctionId, MatchFlags, Partial, SampleId};

use crate::nearest::Near;
use crate::parameters::{MatchParameters, percentage};
use crate::query_side::OwnSample;

/// Memory of a match, while it is scored and in the result.
pub(crate) const BYTES_PER_MATCH: usize = size_of::<Hit>() + size_of::<malkin_report::MatchTuple>();

/// One foreign function that an own function matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hit {
    pub(crate) function: FunctionRef,
    /// Equal positions; of no meaning for PicHash matches that were not compared.
    pub(crate) equal: u16,
    pub(crate) flags: MatchFlags,
    /// Whether candidates by bands lead to a match with its sample. Always so outside of exact mode.
    pub(crate) banded: bool,
}

impl Hit {
    pub(crate) fn new(function: FunctionRef, equal: u16, flags: MatchFlags) -> Self {
        Self { function, equal, flags, banded: true }
    }

    /// A match by signature alone.
    pub(crate) fn by_signature(near: Near) -> Self {
        Self { function: near.function, equal: near.equal, flags: MatchFlags::MINHASH, banded: near.banded }
    }

    /// The score, integer or float as the reference has it: a PicHash match scores the integer 100 unless it stands for a
    /// match of signatures or that match has the same score.
    pub(crate) fn score(self, positions: usize, implied: bool) -> Amount {
        let by_minhash = percentage(u32::from(self.equal), positions);
        if !self.flags.contains(MatchFlags::PICHASH) {
            Amount::Float(by_minhash)
        } else if implied || self.flags.contains(MatchFlags::MINHASH) && by_minhash >= 100.0 {
            Amount::Float(100.0)
        } else {
            Amount::Int(100)
        }
    }
}

/// What some units found.
#[derive(Debug, Default)]
pub struct PartialHits {
    pub(crate) hits: Vec<Hit>,
    /// Own function (by position) and the range of its hits.
    pub(crate) rows: Vec<(u32, Range<usize>)>,
    /// Foreign samples with matches, in no particular order.
    pub(crate) touched: Vec<SampleNo>,
    /// Functions that match within the own sample by signature and by PicHash.
    pub(crate) self_minhash: Vec<FunctionId>,
    pub(crate) self_pichash: Vec<FunctionId>,
}

impl PartialHits {
    /// Memory that its matches take, here and in the result.
    pub fn bytes(&self) -> usize {
        self.hits.len() * BYTES_PER_MATCH
    }

    pub(crate) fn note_touched(&mut self, seen: &mut Vec<bool>, samples: usize) {
        seen.resize(samples, false);
        for hit in &self.hits {
            if !std::mem::replace(&mut seen[hit.function.sample.index()], true) {
                self.touched.push(hit.function.sample);
            }
        }
        for sample in &self.touched {
            seen[sample.index()] = false;
        }
    }
}

/// Matches of all own functions, complete but for what is known about the foreign samples.
#[derive(Debug)]
pub struct Hits<'a> {
    pub(crate) reader: IndexReader,
    pub(crate) own: OwnSample<'a>,
    pub(crate) parameters: MatchParameters,
    pub(crate) parts: Vec<PartialHits>,
    /// For each own function the part and the row of its hits.
    pub(crate) rows: Vec<Option<(u32, u32)>>,
    pub(crate) num_self_minhash: u64,
    pub(crate) num_self_pichash: u64,
    /// Foreign samples with matches, ascending.
    touched: Vec<SampleNo>,
    pub(crate) partial: Option<Partial>,
}

impl<'a> Hits<'a> {
    pub(crate) fn new(
        reader: IndexReader,
        own: OwnSample<'a>,
        parameters: MatchParameters,
        mut parts: Vec<PartialHits>,
    ) -> Self {
        let mut rows = vec![None; own.functions.len()];
        for (number, part) in parts.iter().enumerate() {
            for (at, (function, _)) in part.rows.iter().enumerate() {
                rows[*function as usize] = Some((number as u32, at as u32));
            }
        }
        let mut touched: Vec<SampleNo> = parts.iter().flat_map(|part| &part.touched).copied().collect();
        touched.sort_unstable();
        touched.dedup();
        let num_self_minhash = distinct(parts.iter_mut().map(|part| std::mem::take(&mut part.self_minhash)));
        let num_self_pichash = distinct(parts.iter_mut().map(|part| std::mem::take(&mut part.self_pichash)));
        Self {
            reader,
            own,
            parameters,
            parts,
            rows,
            num_self_minhash,
            num_self_pichash,
            touched,
            partial: None,
        }
    }

    /// Says that the parts are not all there are.
    #[must_use]
    pub fn cut_off(mut self, partial: Partial) -> Self {
        self.partial = Some(partial);
        self
    }

    /// The foreign samples with matches, whose records [`Hits::into_result`] will ask for.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = SampleId> + '_ {
        self.touched.iter().map(|sample| self.reader.sample_id(*sample))
    }

    /// Number of matches between functions.
    pub fn num_matches(&self) -> usize {
        self.parts.iter().map(|part| part.hits.len()).sum()
    }

    pub(crate) fn touched(&self) -> &[SampleNo] {
        &self.touched
    }

    pub(crate) fn hits_mut(&mut self, own: usize) -> &mut [Hit] {
        match self.rows[own] {
            Some((part, row)) => {
                let part = &mut self.parts[part as usize];
                &mut part.hits[part.rows[row as usize].1.clone()]
            }
            None => &mut [],
        }
    }

    /// Matches of an own function, in no particular order until the answer is made.
    pub(crate) fn hits(&self, own: usize) -> &[Hit] {
        match self.rows[own] {
            Some((part, row)) => {
                let part = &self.parts[part as usize];
                &part.hits[part.rows[row as usize].1.clone()]
            }
            None => &[],
        }
    }
}

fn distinct(lists: impl Iterator<Item = Vec<FunctionId>>) -> u64 {
    let mut all: Vec<FunctionId> = lists.flatten().collect();
    all.sort_unstable();
    all.dedup();
    all.len() as u64
}
