//! Link hunting: which single functions tie a sample to another family, the rare and strong ones first. Rules of MCRIT 1.9.0
//! (`docs/reference/similarity.md` section 11).
//!
//! The program does not call this yet: it is here for the pages of results, with golden tests (`tests/golden/reading.rs`).

mod clusters;

pub use clusters::{CallGraph, LinkCluster, link_clusters};

use std::collections::{BTreeSet, HashMap};

use malkin_report::{FamilyId, FunctionId, MatchFlags, SampleId, Va};

use crate::flat_matches::FlatMatch;

/// Bytes from which on a function counts as large.
const LARGE: f64 = 300.0;

/// What to hunt for.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkHuntOptions {
    /// Least score of a match, 0..=100.
    pub min_score: Option<f64>,
    /// Least score of a match with a library; weaker ones do not mark a function as library code.
    pub min_lib_score: Option<f64>,
    /// Least bytes of the own function.
    pub min_size: Option<f64>,
    /// First entry address looked at.
    pub min_offset: Option<Va>,
    /// Last entry address looked at.
    pub max_offset: Option<Va>,
    /// Functions found in fewer families than this are not marked down for being common.
    pub unpenalized_family_count: u64,
    /// Families passed over.
    pub exclude_family_ids: Vec<FamilyId>,
    /// Samples passed over.
    pub exclude_sample_ids: Vec<SampleId>,
    /// Only the strongest match of a function with each family.
    pub strongest_per_family: bool,
}

impl Default for LinkHuntOptions {
    /// The reference's: everything, functions of three and more families marked down.
    fn default() -> Self {
        Self {
            min_score: None,
            min_lib_score: None,
            min_size: None,
            min_offset: None,
            max_offset: None,
            unpenalized_family_count: 3,
            exclude_family_ids: Vec::new(),
            exclude_sample_ids: Vec::new(),
            strongest_per_family: true,
        }
    }
}

impl LinkHuntOptions {
    fn admits(&self, one: &FlatMatch) -> bool {
        let found = &one.found;
        let at_least = |value: f64, least: Option<f64>| least.is_none_or(|least| value >= least);
        let is_library = found.flags.contains(MatchFlags::LIBRARY);
        self.min_offset.is_none_or(|first| one.offset >= first)
            && self.max_offset.is_none_or(|last| one.offset <= last)
            && (!is_library || at_least(found.score.get(), self.min_lib_score))
            && at_least(found.score.get(), self.min_score)
            && at_least(one.num_bytes, self.min_size)
            && !self.exclude_family_ids.contains(&found.family_id)
            && !self.exclude_sample_ids.contains(&found.sample_id)
    }
}

/// A function that ties the own sample to a family.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Link {
    /// The match.
    pub matched: FlatMatch,
    /// How telling it is, above 0, at most 100: rank and strength of the match and size of the function, divided by how
    /// common the function is.
    pub link_score: f64,
    /// Whether the function was found in this family only.
    pub is_unique: bool,
}

/// What is known of an own function.
struct Seen {
    /// Functions that had a stronger match.
    position: usize,
    families: BTreeSet<FamilyId>,
    in_library: bool,
}

/// Links of a list of matches (all of a result or what filters left of it), the most telling first.
pub fn link_hunt(matches: &[FlatMatch], options: &LinkHuntOptions) -> Vec<Link> {
    let mut matches: Vec<&FlatMatch> = matches.iter().filter(|one| options.admits(one)).collect();
    matches.sort_by(|a, b| {
        let (a, b) = (&a.found, &b.found);
        b.score.get().total_cmp(&a.score.get()).then(b.family_id.cmp(&a.family_id))
    });
    let mut seen: HashMap<FunctionId, Seen> = HashMap::new();
    matches.retain(|one| {
        let position = seen.len();
        let function = seen.entry(one.function_id).or_insert_with(|| Seen {
            position,
            families: BTreeSet::new(),
            in_library: false,
        });
        let is_first = function.families.insert(one.found.family_id);
        let is_kept = is_first || !options.strongest_per_family;
        function.in_library |= is_kept && one.found.flags.contains(MatchFlags::LIBRARY);
        is_kept
    });
    let num_functions = seen.len();
    let links = matches.into_iter().filter_map(|one| {
        let function = seen.get(&one.function_id).filter(|function| !function.in_library)?;
        Some(Link {
            matched: *one,
            link_score: link_score(one, function, num_functions, options.unpenalized_family_count),
            is_unique: function.families.len() == 1,
        })
    });
    let mut links: Vec<Link> = links.collect();
    links.sort_by(|a, b| {
        b.link_score.total_cmp(&a.link_score).then(b.matched.function_id.cmp(&a.matched.function_id))
    });
    links
}

fn link_score(one: &FlatMatch, function: &Seen, num_functions: usize, unpenalized: u64) -> f64 {
    let families = function.families.len();
    let rank = 100.0 * (1.0 - function.position as f64 / num_functions as f64);
    let size = 100.0 * (one.num_bytes.min(LARGE) / LARGE);
    let score = 0.1 * rank + 0.2 * size + 0.7 * one.found.score.get();
    if (families as u64) < unpenalized { score } else { score / commonness(families as f64) }
}

/// What the score of a function is divided by when it was found in so many families: a curve fitted by MCRIT's authors.
fn commonness(families: f64) -> f64 {
    (0.054_579_3 * (families * families) + 0.370_159 * families - 0.170_796).floor().max(1.0)
}

#[cfg(test)]
mod tests {
    use malkin_report::{Amount, MatchTuple};

    use super::*;

    fn found(function: i64, family: i64, score: f64, flags: MatchFlags) -> FlatMatch {
        FlatMatch {
            function_id: FunctionId::new(function),
            offset: Va::new(function as u64 * 16),
            num_bytes: 150.0,
            found: MatchTuple {
                family_id: FamilyId::new(family),
                sample_id: SampleId::new(family * 10),
                function_id: FunctionId::new(0),
                score: Amount::Float(score),
                flags,
            },
        }
    }

    const MINHASH: MatchFlags = MatchFlags::MINHASH;

    #[test]
    fn common_functions_are_marked_down_and_library_functions_are_dropped() {
        let library = MINHASH.with(MatchFlags::LIBRARY);
        let mut matches =
            vec![found(1, 1, 80.0, MINHASH), found(2, 1, 90.0, MINHASH), found(2, 2, 60.0, library)];
        matches.extend((1..=5).map(|family| found(3, family, 100.0, MINHASH)));
        let links = link_hunt(&matches, &LinkHuntOptions::default());
        let scores: Vec<(i64, i64, f64)> = links
            .iter()
            .map(|link| (link.matched.function_id.get(), link.matched.found.family_id.get(), link.link_score))
            .collect();
        let lone = 0.1 * (100.0 * (1.0 - 2.0 / 3.0)) + 0.2 * 50.0 + 0.7 * 80.0;
        assert_eq!(scores[0], (1, 1, lone));
        assert!(links[0].is_unique && !links[1].is_unique);
        assert_eq!(scores[1], (3, 5, 90.0 / 3.0));
        assert_eq!(links.len(), 6);
    }

    #[test]
    fn weak_library_matches_can_be_overlooked() {
        let library = MINHASH.with(MatchFlags::LIBRARY);
        let matches = [found(2, 1, 90.0, MINHASH), found(2, 2, 60.0, library)];
        let options = LinkHuntOptions { min_lib_score: Some(70.0), ..LinkHuntOptions::default() };
        assert_eq!(link_hunt(&matches, &options).len(), 1);
        assert_eq!(link_hunt(&matches, &LinkHuntOptions::default()).len(), 0);
    }

    #[test]
    fn one_match_a_family_unless_all_are_wanted() {
        let matches = [found(1, 1, 60.0, MINHASH), found(1, 1, 70.0, MINHASH)];
        let strongest = link_hunt(&matches, &LinkHuntOptions::default());
        assert_eq!(strongest.iter().map(|link| link.matched.found.score.get()).collect::<Vec<_>>(), [70.0]);
        let options = LinkHuntOptions { strongest_per_family: false, ..LinkHuntOptions::default() };
        assert_eq!(link_hunt(&matches, &options).len(), 2);
        let elsewhere = LinkHuntOptions { max_offset: Some(Va::new(15)), ..LinkHuntOptions::default() };
        assert_eq!(link_hunt(&matches, &elsewhere), []);
    }
}
