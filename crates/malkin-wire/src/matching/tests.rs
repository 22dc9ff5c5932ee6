//! Tests of the JSON of matching results.

use super::*;
use malkin_report::address::Va;
use malkin_report::entry::SampleEntry;
use malkin_report::id::{FamilyId, FunctionId};
use malkin_report::matching::{Ceiling, MatchFlags, MatchJob, MatchedFunctionCounts, MatcherKind, Partial};
use malkin_report::report::{Architecture, Statistics};

fn entry(id: i64) -> SampleEntry {
    SampleEntry {
        sample_id: SampleId::new(id),
        family_id: FamilyId::new(1),
        family: "f".to_owned(),
        version: "v".to_owned(),
        component: String::new(),
        filename: "n".to_owned(),
        is_library: false,
        sha256: "s".to_owned(),
        architecture: Architecture::Intel,
        bitness: 32,
        base_addr: Va::new(0),
        binary_size: 1,
        binweight: 3.0,
        smda_version: String::new(),
        statistics: Statistics::default(),
        timestamp: String::new(),
    }
}

fn result(others: OtherSamples) -> MatchingResult {
    let counts = MatchCounts {
        num_own_functions_matched: 1,
        num_foreign_functions_matched: 2,
        num_own_functions_matched_as_library: 3,
        num_self_matches: 4,
        bytes_matched: Amount::ZERO,
    };
    let tuple = |function, score, flags| MatchTuple {
        family_id: FamilyId::new(7),
        sample_id: SampleId::new(8),
        function_id: FunctionId::new(function),
        score,
        flags,
    };
    let matches = vec![
        tuple(9, Amount::Float(100.0), MatchFlags::MINHASH.with(MatchFlags::PICHASH)),
        tuple(10, Amount::Int(100), MatchFlags::PICHASH.with(MatchFlags::LIBRARY)),
        tuple(11, Amount::Float(51.5625), MatchFlags::MINHASH),
    ];
    let function = MatchedFunction {
        num_bytes: 3.0,
        num_instructions: 4,
        offset: Va::new(u64::MAX),
        matches,
        function_id: FunctionId::new(-1),
    };
    let (some, none) = (Amount::Float(1.5), Amount::ZERO);
    let sample = MatchedSample {
        family: "g".to_owned(),
        family_id: FamilyId::new(7),
        version: String::new(),
        bitness: 64,
        sha256: "t".to_owned(),
        filename: "m\"".to_owned(),
        sample_id: SampleId::new(8),
        num_bytes: 6.0,
        is_library: true,
        num_functions: 5,
        functions: MatchedFunctionCounts { minhashes: 1, pichashes: 2, combined: 3, library: 4 },
        bytes: Weighted::from_array([some, some, some, none, none, none]),
        percent: Weighted::from_array([100.0, 1.0, 0.1, 0.0, 0.0, 0.0]),
    };
    let job =
        MatchJob { duration: 0.5, timestamp: "now".to_owned(), parameters: "MatcherSample(3)".to_owned() };
    MatchingResult {
        info: MatchInfo { job: Some(job), sample: entry(3), kind: MatcherKind::Sample },
        minhash: counts,
        pichash: MatchCounts { bytes_matched: Amount::Float(2.0), ..counts },
        functions: vec![function],
        samples: vec![sample],
        others,
        exact: None,
        partial: None,
    }
}

fn text(result: &MatchingResult, compact: bool) -> String {
    String::from_utf8(matching_result_to_json(result, compact)).unwrap()
}

const FUNCTIONS: &str = concat!(
    r#""functions":[{"num_bytes":3.0,"num_instructions":4,"offset":18446744073709551615,"#,
    r#""matches":[[7,8,9,100.0,3],[7,8,10,100,6],[7,8,11,51.5625,1]],"fid":-1}],"#
);

#[test]
fn keys_stand_in_the_order_of_the_reference() {
    let sample = sample_entry_to_json(&entry(3)).to_string();
    let expected = [
        r#"{"info":{"job":{"duration":0.5,"timestamp":"now","parameters":"MatcherSample(3)"},"sample":"#,
        &sample,
        r#","type":"matcher_sample"},"matches":{"aggregation":{"#,
        r#""minhash":{"num_own_functions_matched":1,"num_foreign_functions_matched":2,"#,
        r#""num_own_functions_matched_as_library":3,"num_self_matches":4,"bytes_matched":0},"#,
        r#""pichash":{"num_own_functions_matched":1,"num_foreign_functions_matched":2,"#,
        r#""num_own_functions_matched_as_library":3,"num_self_matches":4,"bytes_matched":2.0}},"#,
        FUNCTIONS,
        r#""samples":[{"family":"g","family_id":7,"version":"","bitness":64,"sha256":"t","filename":"m\"","sample_id":8,"#,
        r#""num_bytes":6.0,"is_library":true,"num_functions":5,"matched":{"#,
        r#""functions":{"minhashes":1,"pichashes":2,"combined":3,"library":4},"#,
        r#""bytes":{"unweighted":1.5,"score_weighted":1.5,"frequency_weighted":1.5,"#,
        r#""nonlib_unweighted":0,"nonlib_score_weighted":0,"nonlib_frequency_weighted":0},"#,
        r#""percent":{"unweighted":100.0,"score_weighted":1.0,"frequency_weighted":0.1,"#,
        r#""nonlib_unweighted":0.0,"nonlib_score_weighted":0.0,"nonlib_frequency_weighted":0.0}}}]}}"#,
    ];
    assert_eq!(text(&result(OtherSamples::All), false), expected.concat());
}

#[test]
fn the_compact_form_is_the_same_without_functions() {
    let whole = text(&result(OtherSamples::All), false);
    assert_eq!(text(&result(OtherSamples::All), true), whole.replace(FUNCTIONS, ""));
}

#[test]
fn what_is_written_is_read_back() {
    for others in [
        OtherSamples::All,
        OtherSamples::One(Box::new(entry(1))),
        OtherSamples::Group(vec![entry(1), entry(2)]),
    ] {
        let whole = result(others);
        assert_eq!(matching_result_from_json(&matching_result_to_json(&whole, false)).unwrap(), whole);
        let compact = matching_result_from_json(&matching_result_to_json(&whole, true)).unwrap();
        assert_eq!(compact, MatchingResult { functions: Vec::new(), ..whole });
    }
}

#[test]
fn what_only_we_say_stands_at_the_end() {
    let counts = |found, missed| Missed { found, missed };
    let report = BandingReport {
        band_matches_required: 2,
        matches: counts(5, 3),
        own_functions: counts(4, 1),
        samples: vec![(SampleId::new(8), counts(5, 3))],
    };
    let partial = Partial { ceiling: Ceiling::Time, done: 16, total: 100 };
    let whole = MatchingResult { exact: Some(report), partial: Some(partial), ..result(OtherSamples::All) };
    let end = concat!(
        r#""exact":{"band_matches_required":2,"matches":{"found":5,"missed":3},"own_functions":{"found":4,"missed":1},"#,
        r#""samples":{"8":{"found":5,"missed":3}}},"partial":{"ceiling":"time","done":16,"total":100}}"#
    );
    assert!(text(&whole, false).ends_with(end));
    assert_eq!(matching_result_from_json(&matching_result_to_json(&whole, false)).unwrap(), whole);
}

#[test]
fn other_documents_are_no_results() {
    let whole = text(&result(OtherSamples::All), false);
    let odd = [
        "[]".to_owned(),
        "{}".to_owned(),
        whole.replace("matcher_sample", "matcher_of_fates"),
        whole.replace("[7,8,9,100.0,3]", "[7,8,9,100.0]"),
        whole.replace("[7,8,9,100.0,3]", "[7,8,9,null,3]"),
        whole.replace("[7,8,9,100.0,3]", "[7,8,9,100.0,300]"),
        whole.replace(r#""fid":-1"#, r#""fid":1e99"#),
    ];
    for odd in odd {
        assert!(matching_result_from_json(odd.as_bytes()).is_err(), "{odd}");
    }
}

#[test]
fn restricted_comparisons_name_the_others() {
    let (one, two) = (sample_entry_to_json(&entry(1)), sample_entry_to_json(&entry(2)));
    let vs = text(&result(OtherSamples::One(Box::new(entry(1)))), false);
    assert!(vs.ends_with(&format!(r#","other_sample_info":{one}}}"#)), "{vs}");
    let group = text(&result(OtherSamples::Group(vec![entry(1), entry(2)])), false);
    assert!(group.ends_with(&format!(r#","other_sample_infos":[{one},{two}]}}"#)), "{group}");
}

#[test]
fn matrices_are_keyed_by_text() {
    let ids = [10, 2].map(SampleId::new);
    let matrix = CrossMatrix {
        matching_matches: vec![0, 5, 6, 0],
        matching_percent: vec![Amount::Int(100), Amount::Float(1.5), Amount::ZERO, Amount::Int(100)],
        clustered_sequence: vec![ids[1], ids[0]],
    };
    let matrices = Weighted::from_array([0; 6].map(|_| matrix.clone()));
    let json =
        String::from_utf8(cross_result_to_json(&CrossResult { samples: ids.to_vec(), matrices })).unwrap();
    let one = concat!(
        r#"{"matching_matches":{"10":{"10":0,"2":5},"2":{"10":6,"2":0}},"#,
        r#""matching_percent":{"10":{"10":100,"2":1.5},"2":{"10":0,"2":100}},"clustered_sequence":["2","10"]}"#
    );
    let expected = Weighted::<f64>::NAMES.map(|name| format!(r#""{name}":{one}"#)).join(",");
    assert_eq!(json, format!("{{{expected}}}"));
}

#[test]
fn functions_that_cannot_be_compared_have_no_score() {
    let entry = FunctionMatch {
        function_id: FunctionId::new(1),
        num_bytes: 2.0,
        offset: Va::new(3),
        other_family_id: FamilyId::new(4),
        other_sample_id: SampleId::new(5),
        other_function_id: FunctionId::new(6),
        score: None,
        flags: MatchFlags::PICHASH,
    };
    let json = String::from_utf8(function_match_to_json(&entry)).unwrap();
    assert_eq!(json, r#"{"fid":1,"num_bytes":2.0,"offset":3,"matches":[4,5,6,null,2]}"#);
}
