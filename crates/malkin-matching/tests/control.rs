//! Cancelling, ceilings, samples that vanish between scoring and the result, functions too small to be asked for alone.

#![expect(clippy::unwrap_used, reason = "helpers of tests; a failure is a failed test")]

use std::ops::ControlFlow;

use malkin_codehash::Projection;
use malkin_index::{IndexReader, IndexWriter, IndexedFunction, SampleFacts};
use malkin_matching::{
    CrossError, MatchError, MatchParameters, NeverCancelled, OwnFunction, OwnSample, Progress, cross,
    match_all, match_query_function,
};
use malkin_report::{
    Architecture, FamilyId, FunctionId, MatchInfo, MatcherKind, MatchingResult, MinHash, OtherSamples,
    PicHash, SampleEntry, SampleId, Statistics, Va,
};

/// Functions of sample `sample`: ten originals that all samples share, by signature and PicHash.
fn functions(sample: i64) -> Vec<OwnFunction> {
    (0..10)
        .map(|n| OwnFunction {
            id: FunctionId::new(sample * 10 + n),
            offset: Va::new(n as u64),
            num_instructions: 20,
            num_blocks: 1,
            binweight: 8.0,
            pichash: PicHash::new(n as u64 + 1),
            minhash: MinHash::from_bytes(vec![n as u8; 64]),
        })
        .collect()
}

fn index(samples: std::ops::Range<i64>) -> IndexWriter {
    let mut index = IndexWriter::new(Projection::default(), 64);
    for sample in samples {
        let functions = functions(sample);
        let indexed: Vec<IndexedFunction<'_>> = functions
            .iter()
            .map(|f| IndexedFunction {
                id: f.id,
                pichash: f.pichash,
                minhash: f.minhash.as_bytes(),
                blocks: &[],
            })
            .collect();
        index.insert_sample(SampleId::new(sample), SampleFacts::default(), &indexed).unwrap();
    }
    index
}

fn entry(sample: SampleId) -> SampleEntry {
    SampleEntry {
        sample_id: sample,
        family_id: FamilyId::new(sample.get()),
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
        binweight: 80.0,
        smda_version: String::new(),
        statistics: Statistics::default(),
        timestamp: String::new(),
    }
}

fn info() -> MatchInfo {
    MatchInfo { job: None, sample: entry(SampleId::new(0)), kind: MatcherKind::Sample }
}

fn result(reader: &IndexReader, known: impl Fn(SampleId) -> bool) -> MatchingResult {
    let functions = functions(0);
    let own = OwnSample { id: SampleId::new(0), functions: &functions };
    let scored = match_all(reader, own, MatchParameters::default(), &mut NeverCancelled).unwrap();
    scored
        .into_result(info(), OtherSamples::All, |id| known(id).then(|| entry(id)), &mut NeverCancelled)
        .unwrap()
}

#[test]
fn a_sample_without_record_leaves_no_trace() {
    let deleted = SampleId::new(2);
    let mut index = index(0..4);
    let without_record = result(&index.reader(), |id| id != deleted);
    index.remove_sample(deleted).unwrap();
    assert_eq!(without_record, result(&index.reader(), |_| true));
    assert_eq!(without_record.samples.len(), 2);
}

#[test]
fn a_function_that_many_families_share_weighs_less() {
    let result = result(&index(0..6).reader(), |_| true);
    let sample = &result.samples[0];
    assert_eq!(sample.bytes.score_weighted.get().to_bits(), 80.0_f64.to_bits());
    // Five families: divided by 1 + floor(log2(5)) = 3, function by function.
    let expected = (0..10).fold(0.0, |sum, _| sum + 8.0 / 3.0);
    assert_eq!(sample.bytes.frequency_weighted.get().to_bits(), f64::to_bits(expected));
}

#[test]
fn scoring_and_summing_up_can_be_cancelled() {
    let reader = index(0..4).reader();
    let functions = functions(0);
    let own = OwnSample { id: SampleId::new(0), functions: &functions };
    for exact in [false, true] {
        let parameters = MatchParameters { exact, ..MatchParameters::default() };
        let mut seen = Vec::new();
        let mut third = |progress: Progress| {
            seen.push(progress);
            if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert_eq!(match_all(&reader, own, parameters, &mut third).err(), Some(MatchError::Cancelled));
        assert!(
            seen.windows(2).all(|pair| pair[0].done <= pair[1].done && pair[1].done <= pair[1].total),
            "{seen:?}"
        );
        let scored = match_all(&reader, own, parameters, &mut NeverCancelled).unwrap();
        let mut at_once = |_: Progress| ControlFlow::Break(());
        let cancelled = scored.into_result(info(), OtherSamples::All, |id| Some(entry(id)), &mut at_once);
        assert_eq!(cancelled.err(), Some(MatchError::Cancelled));
    }
}

#[test]
fn more_matches_than_memory_allows_are_an_error() {
    let reader = index(0..40).reader();
    let functions = functions(0);
    let own = OwnSample { id: SampleId::new(0), functions: &functions };
    for exact in [false, true] {
        let parameters = MatchParameters { exact, max_memory: 4096, ..MatchParameters::default() };
        let refused = match_all(&reader, own, parameters, &mut NeverCancelled).err();
        assert_eq!(refused, Some(MatchError::BudgetExceeded { limit: 4096 }));
    }
}

#[test]
fn a_function_without_signature_cannot_be_asked_for_alone() {
    let mut functions = functions(0);
    functions.truncate(1);
    functions[0].minhash = MinHash::empty();
    let own = OwnSample { id: SampleId::new(-1), functions: &functions };
    let refused =
        match_query_function(&index(0..1).reader(), own, MatchParameters::default(), &mut NeverCancelled)
            .err();
    assert_eq!(refused, Some(MatchError::NotHashable(FunctionId::new(0))));
}

#[test]
fn a_cross_comparison_needs_two_different_samples() {
    let one = (SampleId::new(1), &[][..]);
    assert_eq!(cross(&[one]).err(), Some(CrossError::TooFew(1)));
    assert_eq!(cross(&[one, one]).err(), Some(CrossError::Repeated(SampleId::new(1))));
}
