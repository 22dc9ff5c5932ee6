//! Filters that narrow a result for reading. One set of rules for API, web pages and command line: those of MCRIT 1.9.0
//! (`docs/reference/similarity.md` section 10).
//!
//! A result has two lists, foreign samples and single matches, and most filters touch one of them only. Counts of families and
//! samples are those left by the filters before.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use malkin_report::{
    FamilyId, FunctionId, MatchFlags, MatchTuple, MatchedSample, MatchingResult, SampleId, Va,
};

use crate::flat_matches::{FlatMatch, by_function, flatten};
use crate::unique_score::unique_scores;

/// What to keep. Everything off by default; 0 and the empty text mean off, too. Filters apply in the order of the fields.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ResultFilter {
    /// Samples: with a unique score above 0, and libraries.
    pub unique_only: bool,
    /// Samples: at least this share of bytes, weighted by score, 0..=100.
    pub direct_min_score: f64,
    /// Samples: the same without bytes of library functions; libraries are kept.
    pub direct_nonlib_min_score: f64,
    /// Samples: at least this share of bytes, weighted by frequency, 0..=100.
    pub frequency_min_score: f64,
    /// Samples: the same without bytes of library functions; libraries are kept.
    pub frequency_nonlib_min_score: f64,
    /// Samples: those of other families.
    pub exclude_own_family: bool,
    /// Samples: the family's name holds this text; case matters.
    pub family_name: String,
    /// Samples: those that are no library. Matches: those of functions found in no library.
    pub exclude_library: bool,
    /// Matches: with a library only from this score on, 0..=100.
    pub library_min_score: f64,
    /// Matches: of functions found in at most so many families.
    pub max_num_families: u64,
    /// Matches: of functions found in at least so many samples.
    pub min_num_samples: u64,
    /// Matches: of functions found in at most so many samples.
    pub max_num_samples: u64,
    /// Matches: from this score on, 0..=100.
    pub function_min_score: f64,
    /// Matches: up to this score, 0..=100.
    pub function_max_score: f64,
    /// Matches: of the function with this entry.
    pub function_offset: Option<Va>,
    /// Matches: those that are no PicHash match.
    pub exclude_pic: bool,
    /// Matches: of functions found in one family only.
    pub func_unique: bool,
}

/// What is left of a result.
#[derive(Clone, PartialEq, Debug)]
pub struct FilteredResult<'a> {
    /// Foreign samples in their order.
    pub samples: Vec<&'a MatchedSample>,
    /// Matches by own function.
    pub matches: Vec<FlatMatch>,
}

impl ResultFilter {
    /// Applies the filters.
    pub fn apply<'a>(&self, result: &'a MatchingResult) -> FilteredResult<'a> {
        let mut left = FilteredResult { samples: result.samples.iter().collect(), matches: flatten(result) };
        self.narrow_samples(result, &mut left.samples);
        if self.exclude_library {
            left.exclude_libraries();
        }
        self.narrow_matches(&mut left.matches);
        left
    }

    /// Cuts a result down to what the filters leave, samples and matches each by its own, and then to the `top` samples that share most
    /// (frequency-weighted) with their matches. The order of samples stays; own functions stay, too, without the matches that are gone;
    /// counts over all matches stay as they are.
    pub fn narrow(&self, result: &mut MatchingResult, top: Option<usize>) {
        let left = self.apply(result);
        let mut samples: Vec<SampleId> = left.samples.iter().map(|sample| sample.sample_id).collect();
        if let Some(top) = top.filter(|top| *top < samples.len()) {
            let mut ranked: Vec<(f64, SampleId)> = left
                .samples
                .iter()
                .map(|sample| (sample.percent.frequency_weighted, sample.sample_id))
                .collect();
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            samples = ranked.into_iter().take(top).map(|(_, id)| id).collect();
        }
        let samples: HashSet<SampleId> = samples.into_iter().collect();
        let mut matches: HashMap<FunctionId, Vec<MatchTuple>> = HashMap::new();
        for one in
            left.matches.into_iter().filter(|one| top.is_none() || samples.contains(&one.found.sample_id))
        {
            matches.entry(one.function_id).or_default().push(one.found);
        }
        for function in &mut result.functions {
            // Matches are listed under the positive numbers also of queries.
            let number = FunctionId::new(function.function_id.get().saturating_abs());
            function.matches = matches.remove(&number).unwrap_or_default();
        }
        result.samples.retain(|sample| samples.contains(&sample.sample_id));
    }

    fn narrow_samples(&self, result: &MatchingResult, samples: &mut Vec<&MatchedSample>) {
        if self.unique_only {
            let scores: HashMap<SampleId, f64> =
                unique_scores(result).iter().map(|score| (score.sample_id, score.unique_score)).collect();
            let is_unique = |id: &SampleId| scores.get(id).is_some_and(|score| *score > 0.0);
            samples.retain(|sample| is_unique(&sample.sample_id) || sample.is_library);
        }
        let at_least = |samples: &mut Vec<&MatchedSample>, least: f64, percent: fn(&MatchedSample) -> f64| {
            if least != 0.0 {
                samples.retain(|sample| percent(sample) >= least);
            }
        };
        at_least(samples, self.direct_min_score, |sample| sample.percent.score_weighted);
        at_least(samples, self.direct_nonlib_min_score, |sample| {
            unless_library(sample, sample.percent.nonlib_score_weighted)
        });
        at_least(samples, self.frequency_min_score, |sample| sample.percent.frequency_weighted);
        at_least(samples, self.frequency_nonlib_min_score, |sample| {
            unless_library(sample, sample.percent.nonlib_frequency_weighted)
        });
        if self.exclude_own_family {
            samples.retain(|sample| sample.family_id != result.info.sample.family_id);
        }
        if !self.family_name.is_empty() {
            samples.retain(|sample| sample.family.contains(&self.family_name));
        }
    }

    fn narrow_matches(&self, matches: &mut Vec<FlatMatch>) {
        if self.library_min_score != 0.0 {
            let is_library = |one: &FlatMatch| one.found.flags.contains(MatchFlags::LIBRARY);
            matches.retain(|one| !is_library(one) || one.found.score.get() >= self.library_min_score);
        }
        if self.max_num_families != 0 {
            keep(matches, |_, families| families <= self.max_num_families);
        }
        if self.min_num_samples != 0 {
            keep(matches, |samples, _| samples >= self.min_num_samples);
        }
        if self.max_num_samples != 0 {
            keep(matches, |samples, _| samples <= self.max_num_samples);
        }
        if self.function_min_score != 0.0 {
            matches.retain(|one| one.found.score.get() >= self.function_min_score);
        }
        if self.function_max_score != 0.0 {
            matches.retain(|one| one.found.score.get() <= self.function_max_score);
        }
        if let Some(offset) = self.function_offset.filter(|offset| offset.get() != 0) {
            matches.retain(|one| one.offset == offset);
        }
        if self.exclude_pic {
            matches.retain(|one| !one.found.flags.contains(MatchFlags::PICHASH));
        }
        if self.func_unique {
            keep(matches, |_, families| families == 1);
        }
    }
}

/// The share a sample is judged by; libraries have no bytes beyond library functions and always pass.
fn unless_library(sample: &MatchedSample, percent: f64) -> f64 {
    if sample.is_library { f64::INFINITY } else { percent }
}

impl FilteredResult<'_> {
    fn exclude_libraries(&mut self) {
        let in_library = |one: &&FlatMatch| one.found.flags.contains(MatchFlags::LIBRARY);
        let (mut samples, mut functions) = (HashSet::new(), HashSet::new());
        for one in self.matches.iter().filter(in_library) {
            samples.insert(one.found.sample_id);
            functions.insert(one.function_id);
        }
        self.samples.retain(|sample| !samples.contains(&sample.sample_id));
        self.matches.retain(|one| !functions.contains(&one.function_id));
    }

    /// The best sample of every family, best family first.
    pub fn best_of_families(&self) -> Vec<&MatchedSample> {
        best_of_families(self.samples.iter().copied())
    }
}

/// The best sample of every family by its share weighted by frequency, best family first; of equals the first.
pub fn best_of_families<'a>(samples: impl Iterator<Item = &'a MatchedSample>) -> Vec<&'a MatchedSample> {
    let share = |sample: &MatchedSample| sample.percent.frequency_weighted;
    let mut position: BTreeMap<FamilyId, usize> = BTreeMap::new();
    let mut best: Vec<&MatchedSample> = Vec::new();
    for sample in samples {
        let at = *position.entry(sample.family_id).or_insert_with(|| {
            best.push(sample);
            best.len() - 1
        });
        if share(sample) > share(best[at]) {
            best[at] = sample;
        }
    }
    best.sort_by(|a, b| share(b).total_cmp(&share(a)));
    best
}

/// Keeps the matches of functions by the numbers of samples and families they are found in.
fn keep(matches: &mut Vec<FlatMatch>, wanted: impl Fn(u64, u64) -> bool) {
    let functions = functions_with(matches, wanted);
    matches.retain(|one| functions.contains(&one.function_id));
}

fn functions_with(matches: &[FlatMatch], wanted: impl Fn(u64, u64) -> bool) -> HashSet<FunctionId> {
    let functions = by_function(matches).filter(|matches| {
        let samples: BTreeSet<SampleId> = matches.iter().map(|one| one.found.sample_id).collect();
        let families: BTreeSet<FamilyId> = matches.iter().map(|one| one.found.family_id).collect();
        wanted(samples.len() as u64, families.len() as u64)
    });
    functions.map(|matches| matches[0].function_id).collect()
}
