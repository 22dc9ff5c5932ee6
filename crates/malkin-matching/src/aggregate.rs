//! From matches to the result: tuples in order, counts, bytes and shares.
//!
//! Every sum is a double accumulated in one documented order (own functions as stored, foreign samples by first appearance),
//! because clients compare the last digit.

use std::sync::Arc;

use malkin_index::SampleNo;
use malkin_report::{
    Amount, MatchCounts, MatchFlags, MatchInfo, MatchTuple, MatchedFunction, MatchedFunctionCounts,
    MatchedSample, MatchingResult, OtherSamples, SampleEntry, SampleId, Weighted,
};

use crate::banding::Banding;
use crate::hits::{Hit, Hits};
use crate::parameters::MatchParameters;
use crate::progress::{Control, MatchError, proceed};
use crate::query_side::OwnFunction;

/// Matches between two checkpoints, some milliseconds of work.
const CHECKPOINT_EVERY: usize = 1 << 15;
/// Stands for foreign samples nobody has a record of.
const UNKNOWN: u32 = u32::MAX;

impl<'a> Hits<'a> {
    /// The result. `entry` gives the records of the samples named by [`Hits::samples`]; matches with a sample it does not
    /// know (deleted in the meantime) are left out as if they had never been found.
    pub fn into_result<E: Into<Arc<SampleEntry>>>(
        self,
        info: MatchInfo,
        others: OtherSamples,
        entry: impl FnMut(SampleId) -> Option<E>,
        control: &mut dyn Control,
    ) -> Result<MatchingResult, MatchError> {
        Ok(self.into_answer(info, others, entry, control)?.into_result())
    }

    /// The same, with the matches still in their short form: they are by far the most of a large result.
    pub fn into_answer<E: Into<Arc<SampleEntry>>>(
        mut self,
        info: MatchInfo,
        others: OtherSamples,
        entry: impl FnMut(SampleId) -> Option<E>,
        control: &mut dyn Control,
    ) -> Result<Answer<'a>, MatchError> {
        let foreign = Foreign::gather(&self, entry);
        let mut tally = Tally::new(&self, foreign.samples.len());
        let mut banding = Banding::new(&self.parameters, foreign.samples.len());
        let mut since_checkpoint = CHECKPOINT_EVERY;
        for (at, function) in self.own.functions.iter().enumerate() {
            if since_checkpoint >= CHECKPOINT_EVERY {
                proceed(control, at, self.own.functions.len())?;
                since_checkpoint = 0;
            }
            since_checkpoint += 1 + self.hits(at).len();
            // Hits are sorted within their function only, the order of the result: each list is short, all of them together are the
            // largest thing in memory.
            foreign.order(self.hits_mut(at));
            tally.add(function, self.hits(at), &foreign, self.reader.num_positions());
            banding.add(foreign.known(self.hits(at)), |hit| foreign.rank(hit));
        }
        let mut minhash = tally.minhash.counts;
        let mut pichash = tally.pichash.counts;
        minhash.num_self_matches = self.num_self_minhash;
        pichash.num_self_matches = self.num_self_pichash;
        let exact = banding.into_report(
            tally.appearance.iter().map(|rank| (*rank, foreign.samples[*rank as usize].sample_id)),
        );
        let samples = tally.into_samples(&foreign);
        let partial = self.partial;
        let functions = Vec::new();
        let rest = MatchingResult { info, minhash, pichash, functions, samples, others, exact, partial };
        Ok(Answer { scored: self, foreign, rest })
    }
}

/// A result whose matches are in their short form.
#[derive(Debug)]
pub struct Answer<'a> {
    scored: Hits<'a>,
    foreign: Foreign,
    rest: MatchingResult,
}

impl Answer<'_> {
    /// Everything but the functions, whose list is empty.
    pub fn rest(&self) -> &MatchingResult {
        &self.rest
    }

    /// Number of own functions.
    pub fn num_functions(&self) -> usize {
        self.scored.own.functions.len()
    }

    /// Number of matches between functions.
    pub fn num_matches(&self) -> usize {
        self.scored.num_matches()
    }

    /// An own function, without its matches.
    pub fn function(&self, at: usize) -> MatchedFunction {
        let function = &self.scored.own.functions[at];
        MatchedFunction {
            num_bytes: function.binweight,
            num_instructions: function.num_instructions,
            offset: function.offset,
            matches: Vec::new(),
            function_id: function.id,
        }
    }

    /// The matches of an own function, ascending by family, sample, function.
    pub fn matches(&self, at: usize) -> impl Iterator<Item = MatchTuple> {
        let scored = &self.scored;
        let positions = scored.reader.num_positions();
        let implied = scored.parameters.pichash_implies_minhash;
        self.foreign.known(scored.hits(at)).iter().map(move |hit| {
            let sample = &self.foreign.samples[self.foreign.rank(hit) as usize];
            MatchTuple {
                family_id: sample.family_id,
                sample_id: sample.sample_id,
                function_id: scored.reader.function_id(hit.function),
                score: hit.score(positions, implied),
                flags: flags(hit, sample),
            }
        })
    }

    /// The whole result.
    pub fn into_result(mut self) -> MatchingResult {
        let functions = (0..self.num_functions())
            .map(|at| MatchedFunction { matches: self.matches(at).collect(), ..self.function(at) });
        let functions = functions.collect();
        self.rest.functions = functions;
        self.rest
    }
}

fn flags(hit: &Hit, sample: &SampleEntry) -> MatchFlags {
    hit.flags.with(if sample.is_library { MatchFlags::LIBRARY } else { MatchFlags::default() })
}

/// The foreign samples in ascending order of (family, sample); their position in it is their rank.
#[derive(Debug)]
struct Foreign {
    samples: Vec<Arc<SampleEntry>>,
    /// By sample number of the reader.
    ranks: Vec<u32>,
}

impl Foreign {
    fn gather<E: Into<Arc<SampleEntry>>>(
        scored: &Hits<'_>,
        mut entry: impl FnMut(SampleId) -> Option<E>,
    ) -> Self {
        let known = scored.touched().iter().filter_map(|number| {
            let found = entry(scored.reader.sample_id(*number))?;
            Some((*number, found.into()))
        });
        let mut known: Vec<(SampleNo, Arc<SampleEntry>)> = known.collect();
        known.sort_by_key(|(_, sample)| (sample.family_id, sample.sample_id));
        let mut ranks = vec![UNKNOWN; scored.reader.num_sample_slots()];
        for (rank, (number, _)) in known.iter().enumerate() {
            ranks[number.index()] = rank as u32;
        }
        Self { samples: known.into_iter().map(|(_, sample)| sample).collect(), ranks }
    }

    #[inline]
    fn rank(&self, hit: &Hit) -> u32 {
        self.ranks[hit.function.sample.index()]
    }

    /// Puts hits in the order of tuples: family, sample, function; those of unknown samples last.
    fn order(&self, hits: &mut [Hit]) {
        hits.sort_unstable_by_key(|hit| {
            u64::from(self.rank(hit)) << 32 | hit.function.function.index() as u64
        });
    }

    /// Of hits in order those of known samples.
    fn known<'h>(&self, hits: &'h [Hit]) -> &'h [Hit] {
        &hits[..hits.partition_point(|hit| self.rank(hit) != UNKNOWN)]
    }
}

/// What is summed up over all own functions.
struct Tally {
    minhash: FlagTally,
    pichash: FlagTally,
    /// By rank.
    samples: Vec<SampleTally>,
    /// Ranks in the order of first appearance.
    appearance: Vec<u32>,
    parameters: MatchParameters,
    /// Bytes of own functions that can match at all, and of those that match a library.
    matchable: f64,
    library_bytes: f64,
}

/// Counts over the matches with one flag.
struct FlagTally {
    flag: MatchFlags,
    counts: MatchCounts,
    /// One bit for each foreign function.
    seen: Vec<u64>,
}

#[derive(Clone)]
struct SampleTally {
    appeared: bool,
    functions: MatchedFunctionCounts,
    bytes: [Amount; 6],
}

impl Tally {
    fn new(scored: &Hits<'_>, samples: usize) -> Self {
        let flag_tally = |flag| FlagTally {
            flag,
            counts: MatchCounts {
                num_own_functions_matched: 0,
                num_foreign_functions_matched: 0,
                num_own_functions_matched_as_library: 0,
                num_self_matches: 0,
                bytes_matched: Amount::ZERO,
            },
            seen: vec![0; scored.reader.num_function_slots().div_ceil(64)],
        };
        let none = SampleTally {
            appeared: false,
            functions: MatchedFunctionCounts::default(),
            bytes: [Amount::ZERO; 6],
        };
        Self {
            minhash: flag_tally(MatchFlags::MINHASH),
            pichash: flag_tally(MatchFlags::PICHASH),
            samples: vec![none; samples],
            appearance: Vec::new(),
            parameters: scored.parameters,
            matchable: 0.0,
            library_bytes: 0.0,
        }
    }

    /// `hits` are those of the function, in order.
    fn add(&mut self, function: &OwnFunction, hits: &[Hit], foreign: &Foreign, positions: usize) {
        let hashable = self.parameters.is_hashable(function.num_instructions, function.num_blocks);
        if u64::from(function.num_instructions) >= self.parameters.pichash_size || hashable {
            self.matchable += function.binweight;
        }
        let hits = foreign.known(hits);
        let by_sample = || hits.chunk_by(|a, b| a.function.sample == b.function.sample);
        let sample_of = |hits: &[Hit]| foreign.rank(&hits[0]);
        let is_library = |rank: u32| foreign.samples[rank as usize].is_library;
        let (mut families, mut last_family, mut in_library) = (0, None, [false; 2]);
        for hits in by_sample() {
            let sample = &foreign.samples[sample_of(hits) as usize];
            families += u32::from(last_family != Some(sample.family_id));
            last_family = Some(sample.family_id);
            if is_library(sample_of(hits)) {
                in_library[0] |= hits.iter().any(|hit| hit.flags.contains(MatchFlags::MINHASH));
                in_library[1] |= hits.iter().any(|hit| hit.flags.contains(MatchFlags::PICHASH));
            }
        }
        self.minhash.add(function, hits, in_library[0]);
        self.pichash.add(function, hits, in_library[1]);
        let in_library = in_library[0] || in_library[1];
        if in_library {
            self.library_bytes += function.binweight;
        }
        let adjustment = frequency_adjustment(families);
        let implied = self.parameters.pichash_implies_minhash;
        for hits in by_sample() {
            let rank = sample_of(hits);
            if !std::mem::replace(&mut self.samples[rank as usize].appeared, true) {
                self.appearance.push(rank);
            }
            let score = hits.iter().map(|hit| hit.score(positions, implied).get()).fold(0.0, f64::max);
            let any = |flag| hits.iter().any(|hit| hit.flags.contains(flag));
            let kinds = [any(MatchFlags::MINHASH), any(MatchFlags::PICHASH), in_library];
            self.samples[rank as usize].add(function.binweight, score, kinds, adjustment);
        }
    }

    /// The records of samples, in the order of first appearance.
    fn into_samples(self, foreign: &Foreign) -> Vec<MatchedSample> {
        let nonlib = self.matchable - self.library_bytes;
        let matchable = self.matchable;
        let share = |bytes: f64, of: f64| if of > 0.0 { 100.0 * bytes / of } else { 0.0 };
        let records = self.appearance.iter().map(|rank| {
            let entry = &*foreign.samples[*rank as usize];
            let SampleTally { functions, bytes, .. } = self.samples[*rank as usize];
            let mut percent = bytes.map(Amount::get);
            for (at, figure) in percent.iter_mut().enumerate() {
                *figure = share(*figure, if at < 3 { matchable } else { nonlib });
            }
            MatchedSample {
                family: entry.family.clone(),
                family_id: entry.family_id,
                version: entry.version.clone(),
                bitness: entry.bitness,
                sha256: entry.sha256.clone(),
                filename: entry.filename.clone(),
                sample_id: entry.sample_id,
                num_bytes: entry.binweight,
                is_library: entry.is_library,
                num_functions: entry.statistics.num_functions,
                functions,
                bytes: Weighted::from_array(bytes),
                percent: Weighted::from_array(percent),
            }
        });
        records.collect()
    }
}

impl FlagTally {
    fn add(&mut self, function: &OwnFunction, hits: &[Hit], in_library: bool) {
        let mut matched = false;
        for hit in hits.iter().filter(|hit| hit.flags.contains(self.flag)) {
            matched = true;
            let number = hit.function.function.index();
            let (word, bit) = (&mut self.seen[number / 64], 1 << (number % 64));
            self.counts.num_foreign_functions_matched += u64::from(*word & bit == 0);
            *word |= bit;
        }
        self.counts.num_own_functions_matched += u64::from(matched);
        self.counts.num_own_functions_matched_as_library += u64::from(in_library);
        if matched {
            self.counts.bytes_matched.add(function.binweight);
        }
    }
}

impl SampleTally {
    /// `kinds`: whether any match is by signature, by PicHash, and whether the function is in a library.
    fn add(&mut self, num_bytes: f64, score: f64, kinds: [bool; 3], adjustment: f64) {
        let [minhash, pichash, in_library] = kinds;
        self.functions.combined += 1;
        self.functions.library += u64::from(in_library);
        self.functions.minhashes += u64::from(minhash);
        self.functions.pichashes += u64::from(pichash);
        let score_weighted = num_bytes * score / 100.0;
        let figures = [num_bytes, score_weighted, score_weighted / adjustment];
        let kinds = if in_library { 0..3 } else { 0..6 };
        for (sum, figure) in self.bytes[kinds].iter_mut().zip(figures.iter().chain(&figures)) {
            sum.add(*figure);
        }
    }
}

/// What the bytes of a function are divided by for the families it was found in: 1 for fewer than three, else one more than
/// the whole part of the binary logarithm of their number.
fn frequency_adjustment(families: u32) -> f64 {
    if families < 3 { 1.0 } else { f64::from(1 + families.ilog2()) }
}
