//! Checks of searching: what a store finds by its indexes is what looking at every record finds, in order, page by page and
//! in both directions.

use std::cmp::Ordering;
use std::fmt::Debug;

use malkin_report::{FamilyId, FunctionId, FunctionLabel, PicHash, SampleId};

use super::catalogue::add;
use super::{Check, at, sample};
use crate::search::{Border, ByPicHash, Filter, Found, MAX_PAGE, Noun, Order, Record, Search, Value};
use crate::{FamilyChange, FunctionQuery, NewSample, Page, SampleChange, Store, StoreError};

pub(super) const CHECKS: &[Check] = &[
    ("a search finds what looking at everything finds", finds),
    ("a search follows changes and deletions", follows),
    ("an empty store is searched in vain", in_vain),
    ("pages have a limit", limit),
];

/// Names of functions that differ in ways that matter: case, short ones, trigrams, characters that fold.
pub const NAMES: [&str; 14] = [
    "",
    "a",
    "ab",
    "abc",
    "ABC_d",
    "xabcx",
    "memcpy",
    "MemCpy",
    "Stra\u{df}e",
    "STRASSE",
    "\u{131}\u{17f}k",
    "IS\u{212a}",
    "a\0b\"c",
    "\u{c4}rger \u{1f600}",
];

/// A corpus that holds something for every kind of condition.
pub fn fill(store: &dyn Store) {
    for seed in 0..9 {
        let mut new = sample(seed, seed * 3 % 17);
        let name = |n: u64| NAMES[(n % NAMES.len() as u64) as usize].to_owned();
        new.family = name(seed * 5 % 4);
        new.filename = name(seed + 3);
        new.version = name(seed * 7);
        new.component = if seed % 2 == 0 { String::new() } else { name(seed * 3) };
        for (function, n) in new.functions.iter_mut().zip(seed..) {
            function.function_name = name(n * n);
        }
        add(store, &new);
    }
    store.add_query_sample(&sample(50, 20), at(0)).expect("a query sample can be kept");
}

/// What is compared by [`compare`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Case<'a> {
    /// What is searched.
    pub noun: Noun,
    /// The query.
    pub query: &'a str,
    /// A field of [`Noun::sort_fields`].
    pub sort_by: &'a str,
    /// The direction.
    pub ascending: bool,
    /// Records of a page.
    pub limit: usize,
}

/// Searches page by page, forward to the end and back, and compares with a look at every record. Queries that are none, or
/// not supported, are passed over; returns how many records were found.
pub fn compare(store: &dyn Store, case: Case<'_>) -> Option<usize> {
    let filter = Filter::new(case.noun, case.query).ok()?;
    let order = Order::new(case.noun, Some(case.sort_by), case.ascending).ok()?;
    order.check().ok()?;
    let search = Search { filter, order, border: None, limit: case.limit };
    Some(match case.noun {
        Noun::Family => {
            let all = store.families(Page::default()).expect("families can be read");
            walk(all, &search, case, |search| store.search_families(search))
        }
        Noun::Sample => {
            let all = store.samples(Page::default()).expect("samples can be read");
            walk(all, &search, case, |search| store.search_samples(search))
        }
        Noun::Function => {
            let all = store.functions(&FunctionQuery::All(Page::default())).expect("functions can be read");
            let by_pichash = |hash: PicHash| -> Vec<FunctionId> {
                let found = all.iter().filter(|function| function.pichash == hash);
                // An index may know functions that are gone, and name one twice.
                found
                    .flat_map(|function| [function.function_id; 2])
                    .chain([FunctionId::new(1 << 40)])
                    .collect()
            };
            let by_pichash: ByPicHash<'_> = &by_pichash;
            walk(all.clone(), &search, case, |search| store.search_functions(search, Some(by_pichash)));
            walk(all.clone(), &search, case, |search| store.search_functions(search, None))
        }
    })
}

fn walk<T: Record + Clone + PartialEq + Debug>(
    mut all: Vec<T>,
    search: &Search,
    case: Case<'_>,
    find: impl Fn(&Search) -> Result<Found<T>, StoreError>,
) -> usize {
    all.retain(|record| search.filter.wants(record));
    all.sort_by(|a, b| in_order(&search.order, a, b));
    let page = |border: Option<Border>| {
        find(&Search { border, ..search.clone() }).unwrap_or_else(|error| panic!("{case:?}: {error}"))
    };
    let limit = case.limit;
    let mut border = None;
    let mut expected = all.as_slice();
    loop {
        let found = page(border.clone());
        let (now, rest) = expected.split_at(limit.min(expected.len()));
        assert_eq!(found.entries, now, "{case:?} after {border:?}");
        assert_eq!(found.more, !rest.is_empty(), "{case:?} after {border:?}");
        let Some(last) = now.last().filter(|_| !rest.is_empty()) else { break };
        border = Some(Border { values: search.order.border(last), backward: false });
        expected = rest;
    }
    // And back from every third record.
    for (at, record) in all.iter().enumerate().step_by(3) {
        let values = search.order.border(record);
        let found = page(Some(Border { values: values.clone(), backward: true }));
        let from = at.saturating_sub(limit);
        assert_eq!(found.entries, all[from..at], "{case:?} before {values:?}");
        assert_eq!(found.more, from > 0, "{case:?} before {values:?}");
        let found = page(Some(Border { values: values.clone(), backward: false }));
        let to = (at + 1 + limit).min(all.len());
        assert_eq!(found.entries, all[at + 1..to], "{case:?} behind {values:?}");
    }
    all.len()
}

/// The order that is promised.
pub fn in_order(order: &Order, a: &impl Record, b: &impl Record) -> Ordering {
    let (a, b) = (order.border(a), order.border(b));
    let mut compared = a.iter().zip(&b).map(|(a, b)| value_order(a, b));
    let first = compared.next().unwrap_or(Ordering::Equal);
    let first = if order.is_ascending() { first } else { first.reverse() };
    first.then(compared.next().unwrap_or(Ordering::Equal))
}

fn value_order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Flag(a), Value::Flag(b)) => a.cmp(b),
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Real(a), Value::Real(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Null, Value::Null) => Ordering::Equal,
        _ => panic!("{a:?} and {b:?} are values of one field"),
    }
}

/// Compares a query in every order.
fn every_order(store: &dyn Store, noun: Noun, query: &str, limit: usize) -> usize {
    let mut found = 0;
    for sort_by in noun.sort_fields() {
        for ascending in [true, false] {
            let case = Case { noun, query, sort_by, ascending, limit };
            if let Some(count) = compare(store, case) {
                found = count;
            }
        }
    }
    found
}

fn finds(store: &dyn Store) {
    fill(store);
    let some_hash =
        store.functions(&FunctionQuery::All(Page::default())).expect("functions can be read")[0].pichash;
    let label = FunctionLabel {
        function_label: "Named".to_owned(),
        username: "x".to_owned(),
        timestamp: "2026-01-02T03:04:05".to_owned(),
    };
    store.add_function_labels(&[(FunctionId::new(2), label)]).expect("labels can be added");
    let by_hash = format!("pichash:{:#x} OR pichash:!=1 function_id:3", some_hash.get());
    for (query, limit) in [("", 4), (" ", 100), ("NOT nothing", 1), ("a", 3)] {
        for noun in [Noun::Family, Noun::Sample, Noun::Function] {
            assert!(every_order(store, noun, query, limit) > 0, "{query:?}");
        }
    }
    for query in [
        "abc",
        "ABC",
        "bc",
        "s",
        "stra\u{1e9e}e",
        "isk",
        "\u{c4}",
        "mem*",
        "\"b\\\"C\"",
        "\"\\0\"",
        "\"\"",
        "NOT c",
    ] {
        every_order(store, Noun::Function, query, 5);
        every_order(store, Noun::Sample, query, 2);
    }
    for query in [
        "sample_id:2",
        "family_id:1 num_blocks:>2",
        "function_id:5 OR function_id:7",
        "function_name:abc",
        "function_name:!=abc",
        "function_name:\"\"",
        "function_name:>b",
        "offset:>=0",
        "offset:<0",
        "num_instructions:>7 num_blocks:<=3",
        "architecture:mos6502",
        "architecture:?TEL",
        "minhash:\"\"",
        "minhash:?0f",
        "pichash:?0xa",
        "pichash:!?b",
        "pichash:0",
        "function_labels.function_label:named",
        "function_labels.username:?S",
        "function_labels.username:!?s",
        "function_labels.function_label:!=name_1",
        "function_labels.timestamp:>2026",
        "abc OR sample_id:3",
        "NOT (abc sample_id:3)",
        "a (b OR c)",
        "nosuch:1 OR abc",
        "nosuch:1 abc",
        &by_hash,
    ] {
        every_order(store, Noun::Function, query, 7);
    }
    for query in [
        "family:abc",
        "family:!?a",
        "statistics.num_functions:>4",
        "statistics.num_thunk_functions:3",
        "statistics.num_thunk_functions:!=3",
        "statistics.num_failed_instructions:<0",
        "version:>a",
        "is_library:true",
        "is_library:!=1",
        "sample_id:>2 sample_id:<=6",
        "sha256:?00",
        "0000",
        "binweight:1",
        "component:\"\"",
        "sample_id:99999999999999999999999999",
        "sample_id:<99999999999999999999999999",
    ] {
        every_order(store, Noun::Sample, query, 2);
    }
    for query in
        ["family_name:?B", "num_samples:>1", "num_functions:>=0 num_library_samples:1", "family_id:0"]
    {
        every_order(store, Noun::Family, query, 1);
    }
}

fn count(store: &dyn Store, noun: Noun, query: &str) -> usize {
    every_order(store, noun, query, 3)
}

fn follows(store: &dyn Store) {
    fill(store);
    let before = count(store, Noun::Function, "memcpy");
    assert!(before > 0);
    let only = NewSample { family: "rare".to_owned(), sha256: "f".repeat(64), ..sample(70, 6) };
    let (entry, _) = add(store, &only);
    assert_eq!(count(store, Noun::Function, "family_id:4 name_"), 2);
    let change = SampleChange { component: Some("Changed".to_owned()), ..SampleChange::default() };
    store.modify_sample(entry.sample_id, &change, at(1)).expect("a sample can be changed");
    assert_eq!(count(store, Noun::Sample, "changed"), 1);
    let renamed = FamilyChange { name: Some("Unusual".to_owned()), ..FamilyChange::default() };
    store.modify_family(entry.family_id, &renamed, at(2)).expect("a family can be renamed");
    assert_eq!((count(store, Noun::Sample, "unusual"), count(store, Noun::Family, "rare")), (1, 0));
    assert_eq!(count(store, Noun::Function, &format!("family_id:{}", entry.family_id)), 0);
    store.delete_sample(entry.sample_id, at(3)).expect("a sample can be deleted");
    assert_eq!(count(store, Noun::Function, "name_1"), 0);
    assert_eq!(count(store, Noun::Function, "memcpy"), before);
    add(store, &NewSample { sha256: "e".repeat(64), ..only });
    assert!(count(store, Noun::Function, "name_1") > 0, "a name that went may come again");
    store.delete_family(FamilyId::new(1), false, at(4)).expect("a family can be deleted");
    store.delete_sample(SampleId::new(0), at(4)).expect("a sample can be deleted");
    count(store, Noun::Function, "a");
    store.respawn().expect("a store can be emptied");
    assert_eq!((count(store, Noun::Function, ""), count(store, Noun::Function, "memcpy")), (0, 0));
    fill(store);
    assert_eq!(count(store, Noun::Function, "memcpy"), before);
}

fn in_vain(store: &dyn Store) {
    assert_eq!(count(store, Noun::Family, ""), 1);
    assert_eq!((count(store, Noun::Sample, ""), count(store, Noun::Function, "abc")), (0, 0));
    let order = Order::new(Noun::Sample, Some("filename"), true).expect("samples are sorted by filename");
    let border = Border { values: vec![Value::Null], backward: false };
    let search = Search { filter: Filter::All(Vec::new()), order, border: Some(border), limit: 1 };
    assert!(matches!(store.search_samples(&search), Err(StoreError::Search(_))), "a value is missing");
}

fn limit(store: &dyn Store) {
    fill(store);
    let order = Order::new(Noun::Function, None, true).expect("functions have an order");
    let search = Search { filter: Filter::All(Vec::new()), order, border: None, limit: usize::MAX };
    let found = store.search_functions(&search, None).expect("functions can be searched");
    assert!(!found.more && found.entries.len() < MAX_PAGE);
    let none =
        store.search_functions(&Search { limit: 0, ..search }, None).expect("functions can be searched");
    assert_eq!((none.entries.len(), none.more), (0, true));
}
