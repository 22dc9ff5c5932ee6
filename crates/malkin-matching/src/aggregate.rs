//! From matches to the result: tuples in order, counts, bytes and shares.
//!
//! Every sum is a double accumulated in one documented order (own functions as stored, foreign samples by first appearance),
//! because clients compare the last digit.

use malkin_report::{
    Amount, MatchCounts, MatchFlags, MatchInfo, MatchTuple, MatchedFunction, MatchedFunctionCounts,
    MatchedSample, MatchingResult, OtherSamples, SampleEntry, SampleId, Weighted,
};

use crate::control::{Control, MatchError, proceed};
use crate::own::OwnFunction;
use crate::parameters::MatchParameters;
use crate::scored::{Hit, Scored};

/// Own functions between two checkpoints.
const CHECKPOINT_EVERY: usize = 64;
/// Stands for foreign samples nobody has a record of.
const UNKNOWN: u32 = u32::MAX;

impl Scored<'_> {
    /// The result. `entry` gives the records of the samples named by [`Scored::samples`]; matches with a sample it does not
    /// know (deleted in the meantime) are left out as if they had never been found.
    pub fn into_result(
        mut self,
        info: MatchInfo,
        others: OtherSamples,
        entry: impl FnMut(SampleId) -> Option<SampleEntry>,
        control: &mut dyn Control,
    ) -> Result<MatchingResult, MatchError> {
        let foreign = Foreign::gather(&self, entry);
        let mut tally = Tally::new(&self, foreign.samples.len());
        let mut functions = Vec::with_capacity(self.own.functions.len());
        let mut ordered = Vec::new();
        for (at, function) in self.own.functions.iter().enumerate() {
            if at % CHECKPOINT_EVERY == 0 {
                proceed(control, at, self.own.functions.len())?;
            }
            foreign.order(self.hits(at), &mut ordered);
            let matches = self.tuples(&foreign, &ordered);
            tally.add(function, &ordered, &matches);
            functions.push(MatchedFunction {
                num_bytes: function.binweight,
                num_instructions: function.num_instructions,
                offset: function.offset,
                matches,
                function_id: function.id,
            });
        }
        self.parts.clear();
        let mut minhash = tally.minhash.counts;
        let mut pichash = tally.pichash.counts;
        minhash.num_self_matches = self.num_self_minhash;
        pichash.num_self_matches = self.num_self_pichash;
        let samples = tally.into_samples(foreign);
        Ok(MatchingResult { info, minhash, pichash, functions, samples, others })
    }

    fn tuples(&self, foreign: &Foreign, ordered: &[(u32, Hit)]) -> Vec<MatchTuple> {
        let positions = self.snapshot.num_positions();
        let implied = self.parameters.pichash_implies_minhash;
        let tuples = ordered.iter().map(|(rank, hit)| {
            let sample = &foreign.samples[*rank as usize];
            let library = if sample.is_library { MatchFlags::LIBRARY } else { MatchFlags::default() };
            MatchTuple {
                family_id: sample.family_id,
                sample_id: sample.sample_id,
                function_id: self.snapshot.function_id(hit.function),
                score: hit.score(positions, implied),
                flags: hit.flags.with(library),
            }
        });
        tuples.collect()
    }
}

/// The foreign samples in ascending order of (family, sample); their position in it is their rank.
struct Foreign {
    samples: Vec<SampleEntry>,
    /// By sample number of the snapshot.
    ranks: Vec<u32>,
}

impl Foreign {
    fn gather(scored: &Scored<'_>, mut entry: impl FnMut(SampleId) -> Option<SampleEntry>) -> Self {
        let known = scored.touched().iter().filter_map(|number| {
            let found = entry(scored.snapshot.sample_id(*number))?;
            Some((*number, found))
        });
        let mut known: Vec<_> = known.collect();
        known.sort_by_key(|(_, sample)| (sample.family_id, sample.sample_id));
        let mut ranks = vec![UNKNOWN; scored.snapshot.num_sample_slots()];
        for (rank, (number, _)) in known.iter().enumerate() {
            ranks[number.index()] = rank as u32;
        }
        Self { samples: known.into_iter().map(|(_, sample)| sample).collect(), ranks }
    }

    /// Hits with the rank of their sample, in the order of tuples: family, sample, function.
    fn order(&self, hits: &[Hit], ordered: &mut Vec<(u32, Hit)>) {
        ordered.clear();
        let ranked = hits.iter().map(|hit| (self.ranks[hit.function.sample.index()], *hit));
        ordered.extend(ranked.filter(|(rank, _)| *rank != UNKNOWN));
        ordered.sort_unstable_by_key(|(rank, hit)| (*rank, hit.function.function));
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
    fn new(scored: &Scored<'_>, samples: usize) -> Self {
        let flag_tally = |flag| FlagTally {
            flag,
            counts: MatchCounts {
                num_own_functions_matched: 0,
                num_foreign_functions_matched: 0,
                num_own_functions_matched_as_library: 0,
                num_self_matches: 0,
                bytes_matched: Amount::ZERO,
            },
            seen: vec![0; scored.snapshot.num_function_slots().div_ceil(64)],
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

    fn add(&mut self, function: &OwnFunction, ordered: &[(u32, Hit)], matches: &[MatchTuple]) {
        let hashable = self.parameters.is_hashable(function.num_instructions, function.num_blocks);
        if u64::from(function.num_instructions) >= self.parameters.pichash_size || hashable {
            self.matchable += function.binweight;
        }
        self.minhash.add(function, ordered, matches);
        self.pichash.add(function, ordered, matches);
        let in_library = matches.iter().any(|matched| matched.flags.contains(MatchFlags::LIBRARY));
        if in_library {
            self.library_bytes += function.binweight;
        }
        let adjustment = frequency_adjustment(matches);
        let by_sample = ordered.chunk_by(|a, b| a.0 == b.0);
        let mut rest = matches;
        for hits in by_sample {
            let (matches, later) = rest.split_at(hits.len());
            rest = later;
            let rank = hits[0].0;
            if !std::mem::replace(&mut self.samples[rank as usize].appeared, true) {
                self.appearance.push(rank);
            }
            self.samples[rank as usize].add(function.binweight, matches, in_library, adjustment);
        }
    }

    /// The records of samples, in the order of first appearance.
    fn into_samples(self, foreign: Foreign) -> Vec<MatchedSample> {
        let nonlib = self.matchable - self.library_bytes;
        let matchable = self.matchable;
        let share = |bytes: f64, of: f64| if of > 0.0 { 100.0 * bytes / of } else { 0.0 };
        let mut entries: Vec<Option<SampleEntry>> = foreign.samples.into_iter().map(Some).collect();
        let records = self.appearance.iter().filter_map(|rank| {
            let entry = entries[*rank as usize].take()?;
            let SampleTally { functions, bytes, .. } = self.samples[*rank as usize];
            let mut percent = bytes.map(Amount::get);
            for (at, figure) in percent.iter_mut().enumerate() {
                *figure = share(*figure, if at < 3 { matchable } else { nonlib });
            }
            Some(MatchedSample {
                family: entry.family,
                family_id: entry.family_id,
                version: entry.version,
                bitness: entry.bitness,
                sha256: entry.sha256,
                filename: entry.filename,
                sample_id: entry.sample_id,
                num_bytes: entry.binweight,
                is_library: entry.is_library,
                num_functions: entry.statistics.num_functions,
                functions,
                bytes: Weighted::from_array(bytes),
                percent: Weighted::from_array(percent),
            })
        });
        records.collect()
    }
}

impl FlagTally {
    fn add(&mut self, function: &OwnFunction, ordered: &[(u32, Hit)], matches: &[MatchTuple]) {
        let (mut matched, mut in_library) = (false, false);
        for ((_, hit), tuple) in
            ordered.iter().zip(matches).filter(|((_, hit), _)| hit.flags.contains(self.flag))
        {
            matched = true;
            in_library |= tuple.flags.contains(MatchFlags::LIBRARY);
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
    fn add(&mut self, num_bytes: f64, matches: &[MatchTuple], in_library: bool, adjustment: f64) {
        let any = |flag| u64::from(matches.iter().any(|matched| matched.flags.contains(flag)));
        self.functions.combined += 1;
        self.functions.library += u64::from(in_library);
        self.functions.minhashes += any(MatchFlags::MINHASH);
        self.functions.pichashes += any(MatchFlags::PICHASH);
        let score = matches.iter().map(|matched| matched.score.get()).fold(0.0, f64::max);
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
fn frequency_adjustment(matches: &[MatchTuple]) -> f64 {
    let families = matches.chunk_by(|a, b| a.family_id == b.family_id).count() as u32;
    if families < 3 { 1.0 } else { f64::from(1 + families.ilog2()) }
}
