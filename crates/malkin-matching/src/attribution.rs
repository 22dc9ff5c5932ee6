//! Which family a sample belongs to, with the evidence: code that only one family has counts, library code and code that many
//! families share does not. Ours, not MCRIT's.
//!
//! A pure reading of a result: everything said here can be checked by looking at the functions it names.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use malkin_report::{FamilyId, MatchFlags, MatchingResult, SampleId};

use crate::flat_matches::{FlatMatch, by_function, flatten};

/// Unique code of this many bytes is half as convincing as any amount can be.
const CONVINCING_BYTES: f64 = 1024.0;

/// A result read as evidence.
#[derive(Clone, PartialEq, Debug)]
pub struct Attribution {
    /// Families with non-library code in common, the best one first.
    pub families: Vec<FamilyEvidence>,
    /// Bytes of all own functions.
    pub own_bytes: f64,
    /// Bytes of own functions that were found in a library and were not looked at any further.
    pub library_bytes: f64,
    /// Own functions that were found in a library.
    pub library_functions: u64,
    /// How sure the first of `families` is, 0..=1; 0 without families. With `u` the unique bytes of the first family, `v`
    /// those of all others together and `n` the own bytes outside of libraries:
    /// `u / (u + v) * u / (u + 1024) * (1 + u / n) / 2`, that is: does other code speak against it, is it enough code,
    /// and how much of the sample does it explain (nothing of it still leaves half).
    pub confidence: f64,
}

/// What speaks for a family.
#[derive(Clone, PartialEq, Debug)]
pub struct FamilyEvidence {
    /// The family.
    pub family_id: FamilyId,
    /// Its name.
    pub family: String,
    /// Samples of the family with non-library code in common.
    pub num_samples: u64,
    /// Own non-library functions found in the family.
    pub functions: u64,
    /// Bytes of these, each times its best score.
    pub bytes: f64,
    /// Those of them that were found in no other family.
    pub unique_functions: u64,
    /// Bytes of these, each times its best score.
    pub unique_bytes: f64,
    /// The best match of the unique functions that weigh most, the heaviest first.
    pub strongest: Vec<FlatMatch>,
}

/// Reads a result as evidence; `strongest` is the number of functions to name for each family.
pub fn attribute(result: &MatchingResult, strongest: usize) -> Attribution {
    let mut gathered: BTreeMap<FamilyId, Gathered> = BTreeMap::new();
    let (mut library_bytes, mut library_functions) = (0.0, 0);
    let matches = flatten(result);
    for matches in by_function(&matches) {
        if matches.iter().any(|one| one.found.flags.contains(MatchFlags::LIBRARY)) {
            library_bytes += matches[0].num_bytes;
            library_functions += 1;
            continue;
        }
        let mut best: BTreeMap<FamilyId, FlatMatch> = BTreeMap::new();
        for one in matches {
            gathered.entry(one.found.family_id).or_default().samples.insert(one.found.sample_id);
            let known = best.entry(one.found.family_id).or_insert(*one);
            if weight(one) > weight(known) {
                *known = *one;
            }
        }
        let is_unique = best.len() == 1;
        for (family, one) in best {
            gathered.entry(family).or_default().add(one, is_unique);
        }
    }
    let mut families: Vec<FamilyEvidence> =
        gathered.into_iter().map(|(id, family)| family.into_evidence(id, result, strongest)).collect();
    families
        .sort_by(|a, b| b.unique_bytes.total_cmp(&a.unique_bytes).then_with(|| b.bytes.total_cmp(&a.bytes)));
    let own_bytes = result.functions.iter().map(|function| function.num_bytes).sum();
    let confidence = confidence(&families, own_bytes - library_bytes);
    Attribution { families, own_bytes, library_bytes, library_functions, confidence }
}

/// Bytes of the function times the score of the match.
fn weight(one: &FlatMatch) -> f64 {
    one.num_bytes * one.found.score.get() / 100.0
}

fn confidence(families: &[FamilyEvidence], non_library_bytes: f64) -> f64 {
    let unique = |family: &FamilyEvidence| family.unique_bytes;
    let best = families.first().map_or(0.0, unique);
    let others: f64 = families.iter().skip(1).map(unique).sum();
    if best <= 0.0 || non_library_bytes <= 0.0 {
        return 0.0;
    }
    let undisputed = best / (best + others);
    let enough = best / (best + CONVINCING_BYTES);
    let explained = (best / non_library_bytes).min(1.0);
    undisputed * enough * f64::midpoint(1.0, explained)
}

#[derive(Default)]
struct Gathered {
    samples: BTreeSet<SampleId>,
    functions: u64,
    bytes: f64,
    unique: Vec<FlatMatch>,
}

impl Gathered {
    fn add(&mut self, best: FlatMatch, is_unique: bool) {
        self.functions += 1;
        self.bytes += weight(&best);
        if is_unique {
            self.unique.push(best);
        }
    }

    fn into_evidence(mut self, id: FamilyId, result: &MatchingResult, strongest: usize) -> FamilyEvidence {
        let unique_functions = self.unique.len() as u64;
        let unique_bytes = self.unique.iter().map(weight).sum();
        let heaviest_first = |a: &FlatMatch, b: &FlatMatch| -> Ordering {
            weight(b).total_cmp(&weight(a)).then_with(|| a.function_id.cmp(&b.function_id))
        };
        self.unique.sort_by(heaviest_first);
        self.unique.truncate(strongest);
        let name = result.samples.iter().find(|sample| sample.family_id == id);
        FamilyEvidence {
            family_id: id,
            family: name.map(|sample| sample.family.clone()).unwrap_or_default(),
            num_samples: self.samples.len() as u64,
            functions: self.functions,
            bytes: self.bytes,
            unique_functions,
            unique_bytes,
            strongest: self.unique,
        }
    }
}
