//! What is read out of a result: what it is evidence for, and what filters leave of it.

use malkin_matching::{ResultFilter, attribute, unique_scores};
use malkin_report::matching::{Amount, MatchCounts, MatchInfo, OtherSamples, Weighted};
use malkin_report::{
    Architecture, FamilyId, FunctionId, MatchFlags, MatchTuple, MatchedFunction, MatchedFunctionCounts,
    MatchedSample, MatcherKind, MatchingResult, SampleEntry, SampleId, Statistics, Va,
};

const LIBRARY: i64 = 9;

/// An own function of some bytes, found in families with a score.
fn function(id: i64, num_bytes: f64, found: &[(i64, f64)]) -> MatchedFunction {
    let matches = found.iter().map(|(family, score)| MatchTuple {
        family_id: FamilyId::new(*family),
        sample_id: SampleId::new(family * 10),
        function_id: FunctionId::new(family * 100 + id),
        score: Amount::Float(*score),
        flags: if *family == LIBRARY { MatchFlags::LIBRARY } else { MatchFlags::MINHASH },
    });
    MatchedFunction {
        num_bytes,
        num_instructions: 20,
        offset: Va::new(id as u64 * 16),
        matches: matches.collect(),
        function_id: FunctionId::new(id),
    }
}

fn sample(family: i64) -> MatchedSample {
    MatchedSample {
        family: format!("family {family}"),
        family_id: FamilyId::new(family),
        version: String::new(),
        bitness: 32,
        sha256: String::new(),
        filename: String::new(),
        sample_id: SampleId::new(family * 10),
        num_bytes: 0.0,
        is_library: family == LIBRARY,
        num_functions: 0,
        functions: MatchedFunctionCounts::default(),
        bytes: Weighted::from_array([Amount::ZERO; 6]),
        percent: Weighted::from_array([0.0; 6]),
    }
}

fn result(functions: Vec<MatchedFunction>) -> MatchingResult {
    let counts = MatchCounts {
        num_own_functions_matched: 0,
        num_foreign_functions_matched: 0,
        num_own_functions_matched_as_library: 0,
        num_self_matches: 0,
        bytes_matched: Amount::ZERO,
    };
    let entry = SampleEntry {
        sample_id: SampleId::new(0),
        family_id: FamilyId::NAMELESS,
        family: String::new(),
        version: String::new(),
        component: String::new(),
        filename: String::new(),
        is_library: false,
        sha256: String::new(),
        architecture: Architecture::Intel,
        bitness: 32,
        base_addr: Va::new(0),
        binary_size: 0,
        binweight: 0.0,
        smda_version: String::new(),
        statistics: Statistics::default(),
        timestamp: String::new(),
    };
    MatchingResult {
        info: MatchInfo { job: None, sample: entry, kind: MatcherKind::Sample },
        minhash: counts,
        pichash: counts,
        functions,
        samples: [1, 2, LIBRARY].map(sample).to_vec(),
        others: OtherSamples::All,
        exact: None,
        partial: None,
    }
}

#[test]
fn code_of_one_family_counts_and_library_code_does_not() {
    let read = attribute(
        &result(vec![
            function(1, 1000.0, &[(1, 90.0), (1, 100.0)]),
            function(2, 400.0, &[(1, 100.0), (2, 80.0)]),
            function(3, 200.0, &[(2, 50.0)]),
            function(4, 5000.0, &[(2, 100.0), (LIBRARY, 60.0)]),
            function(5, 500.0, &[]),
            function(6, 24.0, &[(1, 100.0)]),
        ]),
        1,
    );
    assert_eq!((read.own_bytes, read.library_bytes, read.library_functions), (7124.0, 5000.0, 1));
    let [best, next] = read.families.as_slice() else { panic!("{read:?}") };
    assert_eq!((best.family.as_str(), best.functions, best.bytes), ("family 1", 3, 1424.0));
    assert_eq!((best.unique_functions, best.unique_bytes, best.num_samples), (2, 1024.0, 1));
    assert_eq!(best.strongest.iter().map(|one| one.function_id.get()).collect::<Vec<_>>(), [1]);
    assert_eq!(best.strongest[0].found.score, Amount::Float(100.0));
    assert_eq!((next.family_id.get(), next.functions, next.bytes), (2, 2, 420.0));
    assert_eq!((next.unique_functions, next.unique_bytes), (1, 100.0));
    let expected = 1024.0 / 1124.0 * 0.5 * (1.0 + 1024.0 / 2124.0) / 2.0;
    assert!((read.confidence - expected).abs() < 1e-12, "{}", read.confidence);
}

#[test]
fn nothing_unique_is_no_confidence() {
    let shared = attribute(&result(vec![function(1, 1000.0, &[(1, 100.0), (2, 90.0)])]), 3);
    assert!(shared.confidence.abs() < f64::EPSILON);
    assert_eq!(shared.families.len(), 2);
    assert_eq!(shared.families[0].family_id, FamilyId::new(1), "of equals the one with more shared code");
    let nothing = attribute(&result(Vec::new()), 3);
    assert_eq!((nothing.families.len(), nothing.confidence), (0, 0.0));
}

/// A result with three samples, one of them a library, and four own functions.
fn everything() -> MatchingResult {
    let mut result = result(vec![
        function(1, 100.0, &[(1, 90.0), (1, 100.0)]),
        function(2, 100.0, &[(1, 100.0), (2, 80.0)]),
        function(3, 100.0, &[(2, 60.0)]),
        function(4, 100.0, &[(2, 100.0), (LIBRARY, 60.0)]),
    ]);
    result.info.sample.binweight = 400.0;
    result.info.sample.family_id = FamilyId::new(2);
    for (sample, percent) in result.samples.iter_mut().zip([50.0, 40.0, 5.0]) {
        sample.percent = Weighted::from_array([percent; 6]);
    }
    result
}

/// Samples and own functions that a filter leaves.
fn left(filter: &ResultFilter) -> (Vec<i64>, Vec<i64>) {
    let result = everything();
    let left = filter.apply(&result);
    let mut functions: Vec<i64> = left.matches.iter().map(|one| one.function_id.get()).collect();
    functions.dedup();
    (left.samples.iter().map(|sample| sample.sample_id.get()).collect(), functions)
}

#[test]
fn filters_that_are_off_leave_everything() {
    let everything = (vec![10, 20, 90], vec![1, 2, 3, 4]);
    assert_eq!(left(&ResultFilter::default()), everything);
    let zero = ResultFilter { function_offset: Some(Va::new(0)), ..ResultFilter::default() };
    assert_eq!(left(&zero), everything);
}

#[test]
fn filters_of_samples_leave_matches_alone() {
    let off = ResultFilter::default;
    let samples = |filter: ResultFilter| {
        let (samples, functions) = left(&filter);
        assert_eq!(functions, [1, 2, 3, 4]);
        samples
    };
    assert_eq!(samples(ResultFilter { direct_min_score: 40.0, ..off() }), [10, 20]);
    assert_eq!(samples(ResultFilter { direct_nonlib_min_score: 41.0, ..off() }), [10, 90]);
    assert_eq!(samples(ResultFilter { frequency_min_score: 41.0, ..off() }), [10]);
    assert_eq!(samples(ResultFilter { frequency_nonlib_min_score: 60.0, ..off() }), [90]);
    assert_eq!(samples(ResultFilter { exclude_own_family: true, ..off() }), [10, 90]);
    assert_eq!(samples(ResultFilter { family_name: "y 2".to_owned(), ..off() }), [20]);
    assert_eq!(samples(ResultFilter { unique_only: true, ..off() }), [10, 20, 90]);
}

#[test]
fn filters_of_matches_leave_samples_alone() {
    let off = ResultFilter::default;
    let functions = |filter: ResultFilter| {
        let (samples, functions) = left(&filter);
        assert_eq!(samples, [10, 20, 90]);
        functions
    };
    assert_eq!(functions(ResultFilter { max_num_families: 1, ..off() }), [1, 3]);
    assert_eq!(functions(ResultFilter { min_num_samples: 2, ..off() }), [2, 4]);
    assert_eq!(functions(ResultFilter { max_num_samples: 1, ..off() }), [1, 3]);
    assert_eq!(functions(ResultFilter { function_min_score: 95.0, ..off() }), [1, 2, 4]);
    assert_eq!(functions(ResultFilter { function_max_score: 60.0, ..off() }), [3, 4]);
    assert_eq!(functions(ResultFilter { function_offset: Some(Va::new(32)), ..off() }), [2]);
    assert_eq!(functions(ResultFilter { exclude_pic: true, ..off() }), [1, 2, 3, 4]);
    // The library match goes first, and then the function is one of a single family.
    let weak_libraries = ResultFilter { library_min_score: 70.0, func_unique: true, ..off() };
    assert_eq!(functions(weak_libraries), [1, 3, 4]);
}

#[test]
fn excluding_libraries_takes_their_samples_and_the_functions_found_in_them() {
    let filter = ResultFilter { exclude_library: true, ..ResultFilter::default() };
    assert_eq!(left(&filter), (vec![10, 20], vec![1, 2, 3]));
}

#[test]
fn the_best_sample_stands_for_its_family() {
    let mut result = result(Vec::new());
    let mut twin = result.samples[1].clone();
    twin.sample_id = SampleId::new(21);
    twin.percent.frequency_weighted = 7.0;
    result.samples.push(twin);
    result.samples[0].percent.frequency_weighted = 1.0;
    let left = ResultFilter::default().apply(&result);
    let best: Vec<i64> = left.best_of_families().iter().map(|sample| sample.sample_id.get()).collect();
    assert_eq!(best, [21, 10, 90]);
    assert!(unique_scores(&result).iter().all(|score| score.functions_matched == 0));
}

#[test]
fn a_result_is_cut_down_to_what_filters_leave() {
    let whole = everything();
    let mut same = whole.clone();
    ResultFilter::default().narrow(&mut same, None);
    assert_eq!(same, whole, "filters that are off change nothing");
    let mut one = whole.clone();
    ResultFilter::default().narrow(&mut one, Some(1));
    let best = whole
        .samples
        .iter()
        .max_by(|a, b| a.percent.frequency_weighted.total_cmp(&b.percent.frequency_weighted));
    assert_eq!(one.samples.iter().collect::<Vec<_>>(), best.into_iter().collect::<Vec<_>>());
    assert_eq!(one.functions.len(), whole.functions.len());
    let kept = one.samples[0].sample_id;
    for (cut, function) in one.functions.iter().zip(&whole.functions) {
        let expected: Vec<_> =
            function.matches.iter().filter(|found| found.sample_id == kept).copied().collect();
        assert_eq!(cut.matches, expected);
    }
    let filter = ResultFilter { exclude_library: true, function_min_score: 60.0, ..ResultFilter::default() };
    let (mut narrowed, left) = (whole.clone(), filter.apply(&whole));
    filter.narrow(&mut narrowed, None);
    assert_eq!(narrowed.samples.iter().collect::<Vec<_>>(), left.samples);
    assert!(
        narrowed
            .functions
            .iter()
            .flat_map(|function| &function.matches)
            .all(|found| found.score.get() >= 60.0)
    );
}
