//! One damaged byte of the database, anywhere: whatever the store then answers is what it answered before, or an error.
//!
//! A seeded part of all bytes is tried; `MALKIN_FLIPS` states another number, and 0 all of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use malkin_report::{FamilyId, FunctionId, SampleId, UploadId};
use malkin_store::conformance::{at, labels, sample};
use malkin_store::search::{Field, Test};
use malkin_store::{
    Access, Analyses, AnalysisFilter, Catalogue, Filter, FunctionQuery, IntelAnswer, JobFilter, Jobs,
    NewAnalysis, NewJob, NewSample, Noun, Order, Page, Role, Search, SqliteStore, Store, StoreError,
    TokenEntry, Upload, Wanted,
};
use malkin_testkit::TestDir;

/// Bytes tried unless set otherwise.
const FLIPS: usize = 400;

/// A database with rows in every table.
fn filled(dir: &Path) {
    let store = SqliteStore::open(dir, "").unwrap();
    for seed in 0..6 {
        let sample = sample(seed, 20);
        store.add_sample(&sample, &labels(&sample), "somebody", at(0)).unwrap();
    }
    // Rows that are gone leave room in pages.
    store.delete_sample(SampleId::new(2), at(1)).unwrap();
    store.add_query_sample(&sample(99, 5), at(0)).unwrap();
    let kept = store.keep_file(&b"a body that is kept ".repeat(40), at(0)).unwrap();
    let executable = NewSample { sha256: kept.sha256.to_string(), ..sample(7, 3) };
    store.add_sample(&executable, &[], "", at(0)).unwrap();
    let job = NewJob {
        method: "getMatchesForSample".to_owned(),
        params: "{}".to_owned(),
        file_params: "{}".to_owned(),
        descriptor: "d".to_owned(),
        attempts: 3,
        author: "ida".to_owned(),
        client: "token ida".to_owned(),
        always_new: true,
        ..NewJob::default()
    };
    let done = store.enqueue(&job, at(0), at(0)).unwrap();
    let claimed = store.claim("worker", &Wanted::ANY, at(1)).unwrap().unwrap();
    store.finish(&claimed.job.hold().unwrap(), &b"a result ".repeat(200), at(2)).unwrap().unwrap();
    let with_file = |upload: &Upload| NewJob {
        file_params: format!("{{\"0\": \"{}\"}}", upload.id),
        dependencies: vec![done],
        ..job.clone()
    };
    store.enqueue_file(&b"a body that waits ".repeat(40), &with_file, at(0), at(3)).unwrap();
    for number in 0..3 {
        store.add_analyses(&[analysis(number)]).unwrap();
    }
    let answer = IntelAnswer { status: 200, fetched_at: at(0), body: b"{\"known\": true}".to_vec() };
    store.keep_intel_answer("provider", "ab", &answer, at(1000)).unwrap();
    let token = TokenEntry { name: "ida".to_owned(), role: Role::Reader, digest: [7; 32], created_at: at(0) };
    store.add_token(&token).unwrap();
}

fn analysis(number: u8) -> NewAnalysis {
    NewAnalysis {
        id: format!("analysis-{number}"),
        created_at: Some(format!("2026-01-0{}T00:00:00", number + 1)),
        created_us: i64::from(number),
        file_name: Some(format!("file{number}.exe")),
        size_bytes: Some(77),
        sha256: Some(format!("{number:064x}")),
        families: vec!["emotet".to_owned()],
        document: format!("{{\"verdict\": {number}}}").repeat(30),
        ..NewAnalysis::default()
    }
}

/// Every read of the store, each with what it answers as text, or that it is an error.
fn ask(store: &dyn Store) -> Vec<Result<String, String>> {
    let functions: Vec<FunctionId> = (0..120).chain(-5..0).map(FunctionId::new).collect();
    let found = store.jobs(&JobFilter::default(), 0, 0, true).unwrap_or_default();
    let mut answers = vec![
        told(store.counts()),
        told(store.families(Page::default())),
        told(store.samples(Page::default())),
        told(store.samples(Page { start: 1, limit: 2 })),
        told(store.functions(&FunctionQuery::All(Page::default()))),
        told(store.functions(&FunctionQuery::All(Page { start: 30, limit: 25 }))),
        told(store.functions(&FunctionQuery::ByIds(functions.clone()))),
        told(store.disassembly(&functions)),
        told(store.distinct_pichashes()),
        told(store.indexed_samples()),
        told(store.identity()),
        told(store.jobs(&JobFilter::default(), 0, 0, true)),
        told(store.job_stats(false)),
        told(store.kept_files()),
        told(store.usage()),
        told(store.analyses(&AnalysisFilter::default(), Page { start: 0, limit: 10 })),
        told(store.analyses(
            &AnalysisFilter {
                family: Some("emotet".to_owned()),
                text: Some("file1".to_owned()),
                ..AnalysisFilter::default()
            },
            Page { start: 0, limit: 10 },
        )),
        told(store.intel_answer("provider", "ab", at(1))),
        told(store.tokens()),
    ];
    let mut rows = Vec::new();
    let walked = store.each_indexed_sample(&mut |sample, functions| {
        rows.push(format!("{sample:?} {functions:?}"));
        true
    });
    answers.push(told(walked.map(|()| rows)));
    for id in (0..6).chain([-1]) {
        let id = SampleId::new(id);
        answers.push(told(store.sample(id)));
        answers.push(told(store.functions(&FunctionQuery::OfSample(id))));
        answers.push(told(store.minhash_version(id)));
        answers.push(told(store.index_token(id)));
        answers.push(told(store.sample_by_sha256(&format!("{:064x}", id.get()))));
    }
    for id in 0..7 {
        answers.push(told(store.family(FamilyId::new(id))));
        answers.push(told(store.samples_of_family(FamilyId::new(id))));
    }
    for job in &found {
        answers.push(told(store.job(job.id)));
        if let Some(result) = job.result {
            answers.push(told(store.result(result)));
            answers.push(told(store.job_of_result(result)));
        }
    }
    for file in store.kept_files().unwrap_or_default() {
        answers.push(told(store.upload(file.upload.id)));
    }
    for job in &found {
        let file = job.file_params.get(7..31).and_then(UploadId::parse);
        answers.extend(file.map(|file| told(store.upload(file))));
    }
    for number in 0..3 {
        answers.push(told(store.analysis(&format!("analysis-{number}"))));
        answers.push(told(store.newest_analysis(&format!("{number:064x}"))));
    }
    let search = |noun, sort_by, filter| Search {
        filter,
        order: Order::new(noun, sort_by, false).unwrap(),
        border: None,
        limit: 200,
    };
    let contains = |needle: &str| {
        Filter::Test(Field::FunctionName, Test::Contains { needle: needle.to_owned(), not: false })
    };
    let all = || Filter::All(Vec::new());
    answers.push(told(store.search_functions(&search(Noun::Function, None, contains("unc")), None)));
    answers.push(told(store.search_functions(&search(Noun::Function, None, contains("f")), None)));
    answers.push(told(store.search_functions(&search(Noun::Function, Some("offset"), all()), None)));
    answers.push(told(store.search_samples(&search(Noun::Sample, Some("filename"), all()))));
    answers.push(told(store.search_families(&search(Noun::Family, Some("family_name"), all()))));
    answers
}

fn told<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Result<String, String> {
    answer.map(|answer| format!("{answer:?}")).map_err(|error| error.to_string())
}

#[test]
fn a_flipped_byte_is_an_error_and_never_a_wrong_answer() {
    let dir = TestDir::new();
    filled(dir.path());
    let file = dir.join("malkin.db");
    let sound = fs::read(&file).unwrap();
    let expected = ask(&SqliteStore::open(dir.path(), "").unwrap());
    assert!(expected.iter().all(Result::is_ok), "{expected:?}");
    assert_eq!(fs::read(&file).unwrap(), sound, "reading changes nothing");

    let wanted = std::env::var("MALKIN_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(FLIPS);
    let count = if wanted == 0 { sound.len() } else { wanted };
    let mut state = 18_u64;
    let (mut refused, mut errors, mut wrong) = (0, 0, Vec::new());
    for number in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let position = if wanted == 0 { number } else { (state >> 33) as usize % sound.len() };
        let mut bytes = sound.clone();
        bytes[position] ^= if number % 2 == 0 { 1 << ((state >> 20) % 8) } else { (state >> 24) as u8 | 1 };
        fs::write(&file, &bytes).unwrap();
        match SqliteStore::open(dir.path(), "") {
            Err(_) => refused += 1,
            Ok(store) => {
                let answers = ask(&store);
                // What depends on a listing that failed is asked less; everything else in the same order.
                let is_wrong = |(now, before): (&Result<String, String>, &Result<String, String>)| {
                    now.is_ok() && now != before
                };
                let failed = answers.iter().any(Result::is_err);
                errors += usize::from(failed);
                if answers.len() == expected.len() && answers.iter().zip(&expected).any(is_wrong) {
                    wrong.push((position, bytes[position] ^ sound[position]));
                }
                assert!(answers.len() == expected.len() || failed, "byte {position}");
            }
        }
        for leftover in ["malkin.db-wal", "malkin.db-shm"] {
            let _ = fs::remove_file(dir.join(leftover));
        }
    }
    assert_eq!(wrong, [], "of {count} bytes; {refused} refused at the start, {errors} with errors");
    assert!(refused + errors > count / 4, "{refused} refused, {errors} with errors, of {count}");
}
