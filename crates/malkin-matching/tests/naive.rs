//! Random small collections with planted near-duplicates, libraries and several families: the pipeline against the rules of
//! sections 8 and 9 written down as they stand, one pair of functions at a time, in maps of maps.

#![expect(clippy::unwrap_used, reason = "helpers of tests; a failure is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use malkin_codehash::Projection;
use malkin_index::{IndexWriter, IndexedFunction, SampleFacts};
use malkin_matching::{
    MatchParameters, NeverCancelled, OwnFunction, OwnSample, QueryPlan, Workspace, match_all, match_vs,
};
use malkin_report::{
    Architecture, FamilyId, FunctionId, MatchInfo, MatcherKind, MinHash, OtherSamples, PicHash, SampleEntry,
    SampleId, Statistics, Va,
};
use malkin_wire::matching::matching_result_to_json;
use proptest::prelude::*;
use serde_json::{Value, json};

const LEN: usize = 64;

#[derive(Clone, Debug)]
struct Sample {
    entry: SampleEntry,
    functions: Vec<OwnFunction>,
}

fn entry(id: i64, family: i64, is_library: bool) -> SampleEntry {
    SampleEntry {
        sample_id: SampleId::new(id),
        family_id: FamilyId::new(family),
        family: format!("family {family}"),
        version: String::new(),
        component: String::new(),
        filename: format!("sample {id}"),
        is_library,
        sha256: String::new(),
        architecture: Architecture::Intel,
        bitness: 32,
        base_addr: Va::new(0),
        binary_size: 0,
        binweight: 7.0,
        smda_version: String::new(),
        statistics: Statistics { num_functions: 3, ..Statistics::default() },
        timestamp: String::new(),
    }
}

/// A function as drawn: which original it is a copy of, what was changed, how large it is.
type Drawn = (u8, Vec<(usize, u8)>, u8, u8, u16);

/// Copies of a few originals. Unchanged copies share the PicHash too, mostly; some have none.
fn function((original, edits, pichash, size, weight): Drawn, id: i64) -> OwnFunction {
    let num_instructions = u32::from(size % 16);
    let mut signature: Vec<u8> =
        (0..LEN).map(|at| (at as u8).wrapping_mul(7).wrapping_add(original * 61)).collect();
    for (at, value) in &edits {
        signature[*at] = *value;
    }
    let pichash = match pichash {
        0..=3 => u64::from(original) + 1,
        4..=6 => 100 + u64::from(pichash) * 256 + edits.len() as u64,
        _ => 0,
    };
    OwnFunction {
        id: FunctionId::new(id),
        offset: Va::new(id.unsigned_abs() * 16),
        num_instructions,
        num_blocks: 1,
        binweight: f64::from(weight) / 3.0,
        pichash: PicHash::new(pichash),
        minhash: if num_instructions > 10 { MinHash::from_bytes(signature) } else { MinHash::empty() },
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let edits = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec((0..3_usize, 0..3_u8), 1..3),
        4 => prop::collection::vec((0..LEN, 0..3_u8), 0..36),
    ];
    (0..5_u8, edits, 0..8_u8, 4..16_u8, 1..400_u16)
}

/// Samples with ascending function numbers, in index order.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (0..4_i64, prop::bool::weighted(0.25), prop::collection::vec(drawn(), 0..9));
    prop::collection::vec(sample, 1..9).prop_map(|raw| {
        let mut next = 0;
        let numbered = raw.into_iter().enumerate().map(|(id, (family, is_library, drawn))| {
            let functions = drawn.into_iter().map(|drawn| {
                next += 1;
                function(drawn, next - 1)
            });
            Sample { functions: functions.collect(), entry: entry(id as i64, family, is_library) }
        });
        level_sizes(numbered.collect())
    })
}

/// Gives functions of one PicHash one size, as real code has it; the rule of groups is not defined otherwise.
fn level_sizes(mut samples: Vec<Sample>) -> Vec<Sample> {
    let mut sizes = BTreeMap::new();
    for function in samples.iter_mut().flat_map(|sample| &mut sample.functions) {
        let size = *sizes.entry(function.pichash.get()).or_insert(function.num_instructions);
        if (function.num_instructions > 10) == (size > 10) {
            function.num_instructions = size;
        } else {
            function.pichash =
                PicHash::new(function.pichash.get() + 1000 * u64::from(function.num_instructions));
        }
    }
    samples
}

fn parameters() -> impl Strategy<Value = MatchParameters> {
    (prop::sample::select(vec![0_u64, 10, 13]), 0..4_u32, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
        |(pichash_size, band_matches_required, pichash_implies_minhash, exact)| MatchParameters {
            pichash_size,
            band_matches_required,
            exact,
            pichash_implies_minhash,
            ..MatchParameters::default()
        },
    )
}

/// What is known of a pair: score, whether it is the integer 100, by PicHash, by MinHash.
type Known = (f64, bool, bool, bool);
type Pairs = BTreeMap<(i64, i64, i64), Known>;

/// The rules, literally.
struct Naive<'a> {
    own: &'a Sample,
    /// Everything the own functions are compared with, own sample included if it is stored.
    indexed: Vec<(&'a Sample, &'a OwnFunction)>,
    zero_is_a_pichash: bool,
    parameters: MatchParameters,
    projection: Projection,
}

impl Naive<'_> {
    fn own_id(&self) -> i64 {
        self.own.entry.sample_id.get()
    }

    fn by_pichash(&self) -> Pairs {
        let mut pairs = Pairs::new();
        for a in &self.own.functions {
            if a.pichash.get() == 0 && !self.zero_is_a_pichash
                || u64::from(a.num_instructions) < self.parameters.pichash_size
            {
                continue;
            }
            let same = self.indexed.iter().filter(|(_, b)| b.pichash == a.pichash);
            let mut group: BTreeSet<(i64, i64)> =
                same.map(|(s, b)| (s.entry.sample_id.get(), b.id.get())).collect();
            if group.is_empty() {
                continue;
            }
            let own = self.own.functions.iter().filter(|b| b.pichash == a.pichash);
            group.extend(own.map(|b| (self.own_id(), b.id.get())));
            for (sample, b) in group.into_iter().filter(|(_, b)| *b != a.id.get()) {
                pairs.insert((a.id.get(), sample, b), (100.0, true, true, false));
            }
        }
        pairs
    }

    fn by_minhash(&self, pichash: &Pairs) -> Pairs {
        let mut pairs = Pairs::new();
        if self.parameters.band_matches_required == 0 {
            return pairs;
        }
        for a in &self.own.functions {
            let mut best: BTreeMap<i64, (i64, f64)> = BTreeMap::new();
            for (sample, b) in self.indexed.iter().filter(|(_, b)| b.id != a.id && self.is_candidate(a, b)) {
                let sample = sample.entry.sample_id.get();
                let taken = pichash.keys().any(|(own, other, _)| *own == a.id.get() && *other == sample);
                if self.parameters.pichash_implies_minhash && taken {
                    continue;
                }
                let equal =
                    a.minhash.as_bytes().iter().zip(b.minhash.as_bytes()).filter(|(a, b)| a == b).count();
                let score = 100.0 * equal as f64 / LEN as f64;
                let known = best.get(&sample);
                let smaller =
                    |(id, known): &(i64, f64)| score > *known || score >= *known && b.id.get() < *id;
                if score > 50.0 && known.is_none_or(smaller) {
                    best.insert(sample, (b.id.get(), score));
                }
            }
            for (sample, (b, score)) in best {
                pairs.insert((a.id.get(), sample, b), (score, false, false, true));
                if sample == self.own_id() {
                    pairs.insert((b, sample, a.id.get()), (score, false, false, true));
                }
            }
        }
        pairs
    }

    fn is_candidate(&self, a: &OwnFunction, b: &OwnFunction) -> bool {
        let (a, b) = (a.minhash.as_bytes(), b.minhash.as_bytes());
        if a.is_empty() || b.is_empty() {
            return false;
        }
        let shared = self.projection.keys(a).zip(self.projection.keys(b)).filter(|(a, b)| a == b).count();
        self.parameters.exact || shared >= self.parameters.band_matches_required as usize
    }

    /// The part of the result called `matches`.
    fn matches(&self, samples: &[Sample]) -> Value {
        let pichash = self.by_pichash();
        let mut minhash = self.by_minhash(&pichash);
        if self.parameters.pichash_implies_minhash {
            for key in pichash.keys() {
                minhash.entry(*key).or_insert((100.0, false, false, true));
            }
        }
        let mut all = minhash.clone();
        for (key, found) in &pichash {
            let known = all.entry(*key).or_insert(*found);
            if found.0 > known.0 {
                (known.0, known.1) = (found.0, found.1);
            }
            (known.2, known.3) = (known.2 || found.2, known.3 || found.3);
        }
        let functions = self.functions(&all, samples);
        json!({
            "aggregation": { "minhash": self.counts(&minhash, samples), "pichash": self.counts(&pichash, samples) },
            "samples": self.samples(&functions, samples),
            "functions": functions,
        })
    }

    fn counts(&self, pairs: &Pairs, samples: &[Sample]) -> Value {
        let foreign: Vec<_> = pairs.keys().filter(|(_, sample, _)| *sample != self.own_id()).collect();
        let own: BTreeSet<i64> = foreign.iter().map(|(a, _, _)| *a).collect();
        let libraries = foreign.iter().filter(|(_, sample, _)| samples[*sample as usize].entry.is_library);
        let itself =
            pairs.keys().filter(|(_, sample, _)| *sample == self.own_id()).flat_map(|(a, _, b)| [*a, *b]);
        let matched = self.own.functions.iter().filter(|function| own.contains(&function.id.get()));
        let bytes = matched.map(|function| function.binweight).reduce(|a, b| a + b);
        json!({
            "num_own_functions_matched": own.len(),
            "num_foreign_functions_matched": foreign.iter().map(|(_, _, b)| *b).collect::<BTreeSet<i64>>().len(),
            "num_own_functions_matched_as_library": libraries.map(|(a, _, _)| *a).collect::<BTreeSet<i64>>().len(),
            "num_self_matches": itself.collect::<BTreeSet<i64>>().len(),
            "bytes_matched": bytes.map_or(json!(0), |bytes| json!(bytes)),
        })
    }

    fn functions(&self, all: &Pairs, samples: &[Sample]) -> Value {
        let rows = self.own.functions.iter().map(|function| {
            let mine = all.iter().filter(|((a, s, _), _)| *a == function.id.get() && *s != self.own_id());
            let mut tuples: Vec<_> = mine
                .map(|((_, sample, b), (score, whole, by_pichash, by_minhash))| {
                    let entry = &samples[*sample as usize].entry;
                    let flags =
                        u8::from(*by_minhash) + 2 * u8::from(*by_pichash) + 4 * u8::from(entry.is_library);
                    let score = if *whole { json!(100) } else { json!(score) };
                    (entry.family_id.get(), *sample, *b, score, flags)
                })
                .collect();
            tuples.sort_by_key(|(family, sample, function, _, _)| (*family, *sample, *function));
            json!({
                "num_bytes": function.binweight,
                "num_instructions": function.num_instructions,
                "offset": function.offset.get(),
                "matches": tuples,
                "fid": function.id.get(),
            })
        });
        rows.collect()
    }

    fn samples(&self, functions: &Value, samples: &[Sample]) -> Value {
        let functions = functions.as_array().unwrap();
        let mut order: Vec<i64> = Vec::new();
        for tuple in functions.iter().flat_map(|row| row["matches"].as_array().unwrap()) {
            let sample = tuple[1].as_i64().unwrap();
            if !order.contains(&sample) {
                order.push(sample);
            }
        }
        let is_library =
            |row: &Value| row["matches"].as_array().unwrap().iter().any(|t| t[4].as_u64().unwrap() & 4 > 0);
        let (mut matchable, mut library_bytes) = (0.0, 0.0);
        for (function, row) in self.own.functions.iter().zip(functions) {
            let size = u64::from(function.num_instructions);
            matchable +=
                if size >= self.parameters.pichash_size || size > 10 { function.binweight } else { 0.0 };
            library_bytes += if is_library(row) { function.binweight } else { 0.0 };
        }
        let names = ["unweighted", "score_weighted", "frequency_weighted"];
        let records = order.into_iter().map(|id| {
            let entry = &samples[id as usize].entry;
            let (mut counts, mut sums) = ([0_u64; 4], [None; 6]);
            for row in functions {
                let tuples = row["matches"].as_array().unwrap();
                let mine: Vec<&Value> = tuples.iter().filter(|tuple| tuple[1].as_i64() == Some(id)).collect();
                if mine.is_empty() {
                    continue;
                }
                let flag = |bit| u64::from(mine.iter().any(|tuple| tuple[4].as_u64().unwrap() & bit > 0));
                let counted = [flag(1), flag(2), 1, u64::from(is_library(row))];
                counts.iter_mut().zip(counted).for_each(|(sum, one)| *sum += one);
                let families: BTreeSet<i64> = tuples.iter().map(|tuple| tuple[0].as_i64().unwrap()).collect();
                let adjustment = if families.len() < 3 { 1.0 } else { 1.0 + (families.len() as f64).log2().floor() };
                let best = mine.iter().map(|tuple| tuple[3].as_f64().unwrap()).fold(0.0, f64::max);
                let bytes = row["num_bytes"].as_f64().unwrap();
                let weighted = bytes * best / 100.0;
                for (at, figure) in [bytes, weighted, weighted / adjustment].into_iter().enumerate() {
                    sums[at] = Some(sums[at].unwrap_or(0.0) + figure);
                    if !is_library(row) {
                        sums[at + 3] = Some(sums[at + 3].unwrap_or(0.0) + figure);
                    }
                }
            }
            let nonlib = matchable - library_bytes;
            let (mut bytes, mut percent) = (serde_json::Map::new(), serde_json::Map::new());
            for (at, sum) in sums.into_iter().enumerate() {
                let name = format!("{}{}", if at < 3 { "" } else { "nonlib_" }, names[at % 3]);
                let of = if at < 3 { matchable } else { nonlib };
                let share = if of > 0.0 { 100.0 * sum.unwrap_or(0.0) / of } else { 0.0 };
                bytes.insert(name.clone(), sum.map_or(json!(0), |sum: f64| json!(sum)));
                percent.insert(name, json!(share));
            }
            let [minhashes, pichashes, combined, library] = counts;
            json!({
                "family": entry.family, "family_id": entry.family_id.get(), "version": "", "bitness": 32, "sha256": "",
                "filename": entry.filename, "sample_id": id, "num_bytes": 7.0, "is_library": entry.is_library,
                "num_functions": 3,
                "matched": {
                    "functions": {"minhashes": minhashes, "pichashes": pichashes, "combined": combined, "library": library},
                    "bytes": bytes, "percent": percent,
                },
            })
        });
        records.collect()
    }
}

fn index(samples: &[Sample]) -> IndexWriter {
    let mut index = IndexWriter::new(Projection::default(), LEN);
    for sample in samples {
        let functions: Vec<IndexedFunction<'_>> = sample
            .functions
            .iter()
            .map(|f| IndexedFunction {
                id: f.id,
                pichash: f.pichash,
                minhash: f.minhash.as_bytes(),
                blocks: &[],
            })
            .collect();
        let facts = SampleFacts { family_id: sample.entry.family_id, is_library: sample.entry.is_library };
        index.insert_sample(sample.entry.sample_id, facts, &functions).unwrap();
    }
    index
}

fn to_json(scored: malkin_matching::Hits<'_>, own: &Sample, samples: &[Sample]) -> Value {
    let info = MatchInfo { job: None, sample: own.entry.clone(), kind: MatcherKind::Sample };
    let entry = |id: SampleId| {
        samples.iter().map(|sample| &sample.entry).find(|entry| entry.sample_id == id).cloned()
    };
    let result = scored.into_result(info, OtherSamples::All, entry, &mut NeverCancelled).unwrap();
    let mut json: Value = serde_json::from_slice(&matching_result_to_json(&result, false)).unwrap();
    json["matches"].take()
}

fn own(sample: &Sample) -> OwnSample<'_> {
    OwnSample { id: sample.entry.sample_id, functions: &sample.functions }
}

fn indexed<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Vec<(&'a Sample, &'a OwnFunction)> {
    samples
        .into_iter()
        .flat_map(|sample| sample.functions.iter().map(move |function| (sample, function)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_stored_sample_against_everything(samples in samples(), which in any::<prop::sample::Index>(), parameters in parameters()) {
        let sample = which.get(&samples);
        let naive = Naive {
            own: sample, indexed: indexed(&samples), zero_is_a_pichash: false, parameters,
            projection: Projection::default(),
        };
        let reader = index(&samples).reader();
        let ours = to_json(match_all(&reader, own(sample), parameters, &mut NeverCancelled).unwrap(), sample, &samples);
        prop_assert_eq!(ours, naive.matches(&samples));
    }

    #[test]
    fn what_banding_misses_is_what_it_does_not_find(samples in samples(), which in any::<prop::sample::Index>(), parameters in parameters()) {
        let parameters = MatchParameters { exact: true, ..parameters };
        let sample = which.get(&samples);
        let pairs = |exact| {
            let naive = Naive {
                own: sample, indexed: indexed(&samples), zero_is_a_pichash: false,
                parameters: MatchParameters { exact, ..parameters }, projection: Projection::default(),
            };
            let pichash = naive.by_pichash();
            let by_pichash: BTreeSet<(i64, i64)> = pichash.keys().map(|(a, sample, _)| (*a, *sample)).collect();
            let foreign = naive.by_minhash(&pichash).into_keys().map(|(a, sample, _)| (a, sample));
            foreign.filter(|pair| pair.1 != naive.own_id() && !by_pichash.contains(pair)).collect::<BTreeSet<_>>()
        };
        let (all, banded) = (pairs(true), pairs(false));
        let scored = match_all(&index(&samples).reader(), own(sample), parameters, &mut NeverCancelled).unwrap();
        let info = MatchInfo { job: None, sample: sample.entry.clone(), kind: MatcherKind::Sample };
        let entry = |id: SampleId| samples.iter().map(|sample| sample.entry.clone()).find(|entry| entry.sample_id == id);
        let result = scored.into_result(info, OtherSamples::All, entry, &mut NeverCancelled).unwrap();
        prop_assert_eq!(result.exact.is_some(), parameters.band_matches_required > 0);
        if let Some(report) = result.exact {
            prop_assert_eq!(report.matches.found, all.len() as u64);
            prop_assert_eq!(report.matches.missed, all.difference(&banded).count() as u64);
            let own_functions = |pairs: &BTreeSet<(i64, i64)>| pairs.iter().map(|(a, _)| *a).collect::<BTreeSet<_>>();
            let left = own_functions(&all).difference(&own_functions(&banded)).count();
            prop_assert_eq!(report.own_functions.found, own_functions(&all).len() as u64);
            prop_assert_eq!(report.own_functions.missed, left as u64);
            for (id, missed) in &report.samples {
                let of = |pairs: &BTreeSet<(i64, i64)>| pairs.iter().filter(|(_, sample)| *sample == id.get()).count() as u64;
                prop_assert_eq!(missed.found, of(&all));
                prop_assert_eq!(missed.missed, of(&all) - of(&banded));
            }
            prop_assert_eq!(report.samples.iter().map(|(_, missed)| missed.found).sum::<u64>(), report.matches.found);
        }
    }

    #[test]
    fn a_query_against_everything(samples in samples(), which in any::<prop::sample::Index>(), parameters in parameters(),
                                  known in any::<bool>(), as_indexed in any::<bool>()) {
        // Some of the functions of the query are indexed ones, some are not.
        let mut all = samples;
        let mut query = all.remove(which.index(all.len()));
        for (id, sample) in all.iter_mut().enumerate() {
            sample.entry.sample_id = SampleId::new(id as i64);
        }
        if known && let Some(sample) = all.first() {
            query.functions.extend(sample.functions.iter().cloned());
        }
        // A query may stand for an indexed sample, whose functions are then its own.
        query.entry.sample_id = SampleId::new(if as_indexed && !all.is_empty() { 0 } else { -1 });
        for (at, function) in query.functions.iter_mut().enumerate() {
            function.id = FunctionId::new(-1 - at as i64);
        }
        let naive = Naive {
            own: &query, indexed: indexed(&all), zero_is_a_pichash: false, parameters,
            projection: Projection::default(),
        };
        let reader = index(&all).reader();
        let ours = to_json(match_all(&reader, own(&query), parameters, &mut NeverCancelled).unwrap(), &query, &all);
        prop_assert_eq!(ours, naive.matches(&all));

        // The same in three parts, as several threads would do it.
        let scan = QueryPlan::new(reader, own(&query), parameters);
        let third = scan.num_units().div_ceil(3);
        let parts = [2, 0, 1].map(|n| scan.run(n * third..(n + 1) * third, &mut Workspace::new(), &mut NeverCancelled).unwrap());
        prop_assert_eq!(to_json(scan.finish(parts.into()), &query, &all), naive.matches(&all));
    }

    #[test]
    fn a_stored_sample_against_a_group(samples in samples(), picks in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
                                       parameters in parameters()) {
        let sample = picks[0].get(&samples);
        let others: Vec<OwnSample<'_>> = picks[1..].iter().map(|pick| own(pick.get(&samples))).collect();
        let ids: BTreeSet<usize> = picks.iter().map(|pick| pick.index(samples.len())).collect();
        let naive = Naive {
            own: sample, indexed: indexed(ids.iter().map(|id| &samples[*id])), zero_is_a_pichash: true, parameters,
            projection: Projection::default(),
        };
        let scored = match_vs(&Projection::default(), own(sample), &others, parameters, &mut NeverCancelled).unwrap();
        prop_assert_eq!(to_json(scored, sample, &samples), naive.matches(&samples));
    }
}
