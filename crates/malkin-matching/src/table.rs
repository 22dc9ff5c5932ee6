//! A result as tables: families, samples, own functions and pairs, for readers who want a page of rows instead of all of it.
//!
//! A pair takes 32 bytes, so a result of 220,000 pairs is 7 MB here and some 14 MB as JSON. Rows can be put in order and cut into
//! pages without reading the result again. Not here: filters (`filter`), which narrow a result before it becomes tables, and the
//! cache of tables (`malkin-service`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use malkin_report::{
    FamilyId, FunctionId, MatchFlags, MatchInfo, MatchedSample, MatchingResult, SampleId, Va,
};

use crate::attribution::{Attribution, attribute};

/// Matches that an attribution names for each family.
const STRONGEST: usize = 5;

/// A family that code was found in.
#[derive(Clone, PartialEq, Debug)]
pub struct FamilyRow {
    /// Its number.
    pub family_id: FamilyId,
    /// Its name, empty for the nameless one.
    pub family: String,
    /// Whether one of its samples is a library.
    pub is_library: bool,
    /// Its samples with code in common.
    pub num_samples: u64,
    /// Own functions found in it.
    pub functions: u64,
    /// Those of them that were found in no other family and in no library.
    pub unique_functions: u64,
    /// Bytes of these, each times its best score.
    pub unique_bytes: f64,
    /// The sample with the highest share of bytes.
    pub best_sample: SampleId,
    /// Its share of the own bytes, weighted by score, 0..=100.
    pub score: f64,
    /// The same without functions that are in a library.
    pub nonlib_score: f64,
    /// The highest share weighted by frequency without functions that are in a library, 0..=100.
    pub frequency_score: f64,
}

/// An own function and where it was found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OwnRow {
    /// Its number; negative in queries.
    pub function_id: FunctionId,
    /// Entry address.
    pub offset: Va,
    /// Sum of instruction sizes in bytes.
    pub num_bytes: f64,
    /// Number of instructions.
    pub num_instructions: u32,
    /// Best score, 0..=100; 0 without a match.
    pub best_score: f64,
    /// The first pair with that score, as a position in [`ResultTable::pairs`].
    pub best_pair: Option<u32>,
    /// Families it was found in.
    pub num_families: u32,
    /// Samples it was found in.
    pub num_samples: u32,
    /// Pairs it is in.
    pub num_pairs: u32,
    /// Whether it was found in a library.
    pub is_library: bool,
}

/// An own function and a foreign one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pair {
    /// Position in [`ResultTable::functions`].
    pub own: u32,
    /// Position in [`ResultTable::samples`].
    pub sample: u32,
    /// The foreign function.
    pub function_id: FunctionId,
    /// 0..=100.
    pub score: f64,
    /// Why they match.
    pub flags: MatchFlags,
}

/// What pairs can be ordered by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PairOrder {
    /// Entry of the own function.
    Offset,
    /// Size of the own function, largest first.
    Size,
    /// Score, best first.
    Score,
    /// Families the own function was found in, fewest first.
    Families,
    /// Name of the foreign family.
    Family,
}

impl PairOrder {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("offset", Self::Offset),
        ("size", Self::Size),
        ("score", Self::Score),
        ("families", Self::Families),
        ("family", Self::Family),
    ];
}

/// A result as tables.
#[derive(Clone, Debug)]
pub struct ResultTable {
    /// What was asked.
    pub info: MatchInfo,
    /// Families, the one with the most code of its own first.
    pub families: Vec<FamilyRow>,
    /// Foreign samples, highest share first.
    pub samples: Vec<MatchedSample>,
    /// Own functions in order of their entry.
    pub functions: Vec<OwnRow>,
    /// Pairs by own function, best first.
    pub pairs: Vec<Pair>,
    /// The result as evidence for families.
    pub attribution: Attribution,
}

impl ResultTable {
    /// Takes a result apart.
    pub fn of(mut result: MatchingResult) -> Self {
        let attribution = attribute(&result, STRONGEST);
        let mut samples = std::mem::take(&mut result.samples);
        samples.sort_by(|a, b| {
            let share = |sample: &MatchedSample| sample.percent.score_weighted;
            share(b).total_cmp(&share(a)).then_with(|| a.sample_id.cmp(&b.sample_id))
        });
        let places: HashMap<SampleId, u32> =
            (0..).zip(&samples).map(|(at, one)| (one.sample_id, at)).collect();
        result.functions.sort_by_key(|function| (function.offset, function.function_id));
        let mut functions = Vec::with_capacity(result.functions.len());
        let mut pairs: Vec<Pair> = Vec::new();
        let mut in_family: BTreeMap<FamilyId, u64> = BTreeMap::new();
        for (own, function) in (0..).zip(&result.functions) {
            let from = pairs.len();
            pairs.extend(function.matches.iter().filter_map(|found| {
                let sample = *places.get(&found.sample_id)?;
                let (function_id, score) = (found.function_id, found.score.get());
                Some(Pair { own, sample, function_id, score, flags: found.flags })
            }));
            pairs[from..]
                .sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.function_id.cmp(&b.function_id)));
            let families: BTreeSet<FamilyId> = function.matches.iter().map(|found| found.family_id).collect();
            let of: BTreeSet<SampleId> = function.matches.iter().map(|found| found.sample_id).collect();
            for family in &families {
                *in_family.entry(*family).or_default() += 1;
            }
            let mine = pairs.get(from..).unwrap_or_default();
            functions.push(OwnRow {
                function_id: function.function_id,
                offset: function.offset,
                num_bytes: function.num_bytes,
                num_instructions: function.num_instructions,
                best_score: mine.first().map_or(0.0, |pair| pair.score),
                best_pair: mine.first().map(|_| from as u32),
                num_families: families.len() as u32,
                num_samples: of.len() as u32,
                num_pairs: mine.len() as u32,
                is_library: mine.iter().any(|pair| pair.flags.contains(MatchFlags::LIBRARY)),
            });
        }
        let families = families(&samples, &in_family, &attribution);
        Self { info: result.info, families, samples, functions, pairs, attribution }
    }

    /// Positions of all pairs in an order; the order of [`ResultTable::pairs`] decides between equal ones.
    pub fn sorted(&self, order: PairOrder) -> Vec<u32> {
        let mut positions: Vec<u32> = (0..self.pairs.len() as u32).collect();
        let pair = |at: &u32| self.pairs[*at as usize];
        let own = |at: &u32| &self.functions[pair(at).own as usize];
        match order {
            PairOrder::Offset => {}
            PairOrder::Size => positions.sort_by(|a, b| own(b).num_bytes.total_cmp(&own(a).num_bytes)),
            PairOrder::Score => positions.sort_by(|a, b| pair(b).score.total_cmp(&pair(a).score)),
            PairOrder::Families => positions.sort_by_key(|at| own(at).num_families),
            PairOrder::Family => positions.sort_by(|a, b| {
                let family = |at: &u32| &self.samples[pair(at).sample as usize].family;
                family(a).cmp(family(b))
            }),
        }
        positions
    }

    /// Memory that it takes, in bytes, roughly.
    pub fn size(&self) -> usize {
        self.pairs.len() * size_of::<Pair>()
            + self.functions.len() * size_of::<OwnRow>()
            + self.samples.len() * (size_of::<MatchedSample>() + 200)
    }

    /// Whether more than one own function in twenty begins before the one before it ends: object files of a library archive all begin
    /// at the same address, and a map by address would hide them.
    pub fn overlaps(&self) -> bool {
        let mut end = 0.0;
        let mut overlapping = 0;
        for function in &self.functions {
            let start = function.offset.get() as f64;
            overlapping += usize::from(start < end);
            end = f64::max(end, start + function.num_bytes);
        }
        overlapping * 20 > self.functions.len()
    }
}

fn families(
    samples: &[MatchedSample],
    in_family: &BTreeMap<FamilyId, u64>,
    attribution: &Attribution,
) -> Vec<FamilyRow> {
    let mut rows: BTreeMap<FamilyId, FamilyRow> = BTreeMap::new();
    for sample in samples {
        let row = rows.entry(sample.family_id).or_insert_with(|| FamilyRow {
            family_id: sample.family_id,
            family: sample.family.clone(),
            is_library: false,
            num_samples: 0,
            functions: in_family.get(&sample.family_id).copied().unwrap_or_default(),
            unique_functions: 0,
            unique_bytes: 0.0,
            // Samples come with the highest share first.
            best_sample: sample.sample_id,
            score: sample.percent.score_weighted,
            nonlib_score: 0.0,
            frequency_score: 0.0,
        });
        row.is_library |= sample.is_library;
        row.num_samples += 1;
        row.nonlib_score = row.nonlib_score.max(sample.percent.nonlib_score_weighted);
        row.frequency_score = row.frequency_score.max(sample.percent.nonlib_frequency_weighted);
    }
    for evidence in &attribution.families {
        if let Some(row) = rows.get_mut(&evidence.family_id) {
            row.unique_functions = evidence.unique_functions;
            row.unique_bytes = evidence.unique_bytes;
        }
    }
    let mut rows: Vec<FamilyRow> = rows.into_values().collect();
    rows.sort_by(|a, b| b.unique_bytes.total_cmp(&a.unique_bytes).then_with(|| b.score.total_cmp(&a.score)));
    rows
}
