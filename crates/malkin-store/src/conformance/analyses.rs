//! Checks of analyses and cached answers.

use super::{Check, at};
use crate::{AnalysisFilter, IntelAnswer, NewAnalysis, Page, Store};

pub(super) const CHECKS: &[Check] = &[
    ("analyses are listed newest first and found by every condition", listing),
    ("an analysis is read, replaced by nothing, and deleted", life),
    ("answers are good until their moment", answers),
    ("a respawn deletes analyses", respawn),
];

const ALL: Page = Page { start: 0, limit: 100 };

fn analysis(number: i64) -> NewAnalysis {
    NewAnalysis {
        id: format!("{number:032x}"),
        created_at: Some(format!("2026-01-0{number}T00:00:00.000000Z")),
        created_us: number * 1_000_000,
        file_name: Some(format!("File {number}.exe")),
        size_bytes: Some(number),
        md5: Some(format!("{:032x}", number % 2)),
        sha1: Some(format!("{number:040x}")),
        sha256: Some(format!("{:064x}", 0xab + number % 2)),
        hint: Some("von \u{dc}ber".to_owned()),
        model: None,
        families: vec![format!("Family{number}")],
        words: vec!["packed".to_owned()],
        document: format!("{{\"number\": {number}}}"),
    }
}

fn add(store: &dyn Store, numbers: &[i64]) {
    let all: Vec<NewAnalysis> = numbers.iter().map(|number| analysis(*number)).collect();
    assert_eq!(store.add_analyses(&all).expect("analyses can be added"), all.len() as u64);
}

fn found(store: &dyn Store, filter: AnalysisFilter) -> Vec<i64> {
    let (total, entries) = store.analyses(&filter, ALL).expect("a listing can be read");
    assert_eq!(total, entries.len() as u64);
    entries.iter().map(|entry| entry.size_bytes.expect("it was given")).collect()
}

fn listing(store: &dyn Store) {
    add(store, &[2, 1, 3, 4]);
    let all = AnalysisFilter::default;
    assert_eq!(found(store, all()), [4, 3, 2, 1]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(store, AnalysisFilter { sha256: text(&format!("{:064X}", 0xab)), ..all() }), [4, 2]);
    assert_eq!(found(store, AnalysisFilter { md5: text(&format!("{:032x}", 1)), ..all() }), [3, 1]);
    assert_eq!(found(store, AnalysisFilter { sha1: text(&format!("{:040x}", 3)), ..all() }), [3]);
    assert_eq!(found(store, AnalysisFilter { created_us: (2_000_000, 3_000_000), ..all() }), [3, 2]);
    assert_eq!(found(store, AnalysisFilter { family: text("family4"), ..all() }), [4]);
    assert_eq!(found(store, AnalysisFilter { family: text("family"), ..all() }), [0; 0]);
    assert_eq!(found(store, AnalysisFilter { text: text("FILE 2"), ..all() }), [2]);
    assert_eq!(found(store, AnalysisFilter { text: text("\u{fc}ber"), ..all() }), [4, 3, 2, 1]);
    let (total, page) = store.analyses(&all(), Page { start: 1, limit: 2 }).expect("a page can be read");
    assert_eq!((total, page.len(), page[0].size_bytes), (4, 2, Some(3)));
    assert_eq!(page[0].families, ["family3"]);
    let far = Page { start: u64::MAX, limit: u64::MAX };
    assert_eq!(store.analyses(&all(), far).expect("a far page can be read"), (4, Vec::new()));
}

fn life(store: &dyn Store) {
    add(store, &[1, 3]);
    let again = NewAnalysis { document: "{}".to_owned(), ..analysis(1) };
    assert_eq!(store.add_analyses(&[again]).expect("a known id is no error"), 0);
    let id = analysis(1).id;
    let read = store.analysis(&id).expect("an analysis can be read").expect("it is there");
    assert_eq!(read.document, analysis(1).document);
    let sha256 = analysis(1).sha256.expect("it was given").to_uppercase();
    let newest = store.newest_analysis(&sha256).expect("the newest can be read").expect("it is there");
    assert_eq!(newest.id, analysis(3).id);
    assert!(store.delete_analysis(&newest.id).expect("an analysis can be deleted"));
    assert!(!store.delete_analysis(&newest.id).expect("twice is no error"));
    assert_eq!(store.purge_analyses(&sha256).expect("a file can be purged"), 1);
    assert_eq!(store.purge_analyses(&sha256).expect("twice is no error"), 0);
    assert_eq!(store.analysis(&id).expect("an analysis can be looked for"), None);
}

fn answers(store: &dyn Store) {
    let answer = IntelAnswer { status: 404, body: b"nothing".to_vec(), fetched_at: at(0) };
    store.keep_intel_answer("vt", "ab", &answer, at(10)).expect("an answer can be kept");
    let read = |provider: &str, hash: &str, moment| {
        store.intel_answer(provider, hash, moment).expect("an answer can be looked for")
    };
    assert_eq!(read("vt", "ab", at(9)), Some(answer.clone()));
    assert_eq!(read("vt", "ab", at(10)), None);
    assert_eq!(read("vt", "ac", at(1)), None);
    assert_eq!(read("otx", "ab", at(1)), None);
    let later = IntelAnswer { status: 200, fetched_at: at(20), ..answer };
    store.keep_intel_answer("vt", "ab", &later, at(30)).expect("an answer can be replaced");
    assert_eq!(read("vt", "ab", at(21)), Some(later));
}

fn respawn(store: &dyn Store) {
    add(store, &[1]);
    store.respawn().expect("a store can be emptied");
    assert_eq!(found(store, AnalysisFilter::default()), [0; 0]);
}
