//! Checks of changes: what moves, what is deleted with what, which numbers are given again (none).

use malkin_report::{BlockHash, BlockOccurrence, FamilyId, FunctionId, MinHash, PicHash, SampleId, Va};

use super::catalogue::add;
use super::{Check, at, sample};
use crate::{FamilyChange, FunctionQuery, NewHashes, NewSample, Page, SampleChange, Store};

pub(super) const CHECKS: &[Check] = &[
    ("fields of a sample are changed one by one", sample_fields),
    ("a sample changes its family", sample_family),
    ("a family is flagged, renamed and merged", family),
    ("a deleted sample takes all its parts along", delete_sample),
    ("a deleted family takes its samples along or leaves them", delete_family),
    ("hashes are replaced with their version", hashes),
];

/// `(id, name, samples, functions, library samples)` of all families.
fn families(store: &dyn Store) -> Vec<(i64, String, u64, u64, u64)> {
    let families = store.families(Page::default()).expect("families can be read");
    let row = |f: malkin_report::FamilyEntry| {
        (f.family_id.get(), f.family_name, f.num_samples, f.num_functions, f.num_library_samples)
    };
    families.into_iter().map(row).collect()
}

fn nameless() -> (i64, String, u64, u64, u64) {
    (0, String::new(), 0, 0, 0)
}

fn rename(name: &str) -> FamilyChange {
    FamilyChange { name: Some(name.to_owned()), is_library: None }
}

/// Samples 0 and 1 of `one` (2 and 3 functions), 2 of `two` (4 functions, library).
fn corpus(store: &dyn Store) {
    for (seed, family, count) in [(1, "one", 2), (3, "one", 3), (4, "two", 4)] {
        add(store, &NewSample { family: family.to_owned(), ..sample(seed, count) });
    }
}

fn sample_fields(store: &dyn Store) {
    corpus(store);
    let id = SampleId::new(0);
    let mut expected = store.sample(id).expect("a sample can be read").expect("it is there");
    let mut change = |change: SampleChange| {
        assert!(store.modify_sample(id, &change, at(1)).expect("a sample can be changed"));
        expected.version = change.version.unwrap_or(expected.version.clone());
        expected.component = change.component.unwrap_or(expected.component.clone());
        expected.is_library = change.is_library.unwrap_or(expected.is_library);
        assert_eq!(store.sample(id).expect("a sample can be read").as_ref(), Some(&expected));
    };
    change(SampleChange { version: Some("9.9 beta".to_owned()), ..SampleChange::default() });
    change(SampleChange { component: Some("comp".to_owned()), ..SampleChange::default() });
    change(SampleChange { is_library: Some(true), ..SampleChange::default() });
    assert_eq!(families(store)[1], (1, "one".to_owned(), 2, 5, 1));
    change(SampleChange { is_library: Some(false), ..SampleChange::default() });
    change(SampleChange::default());
    let any = SampleChange { version: Some("1".to_owned()), ..SampleChange::default() };
    assert!(!store.modify_sample(SampleId::new(99), &any, at(1)).expect("an unknown sample is told"));
    let (query, _) = store.add_query_sample(&sample(8, 1), at(0)).expect("a query can be kept");
    assert!(store.modify_sample(query.sample_id, &any, at(1)).expect("a query can be named"));
    assert_eq!(store.sample(query.sample_id).expect("a sample can be read"), Some(query));
}

fn sample_family(store: &dyn Store) {
    corpus(store);
    let to = |id: i64, name: &str| {
        let change = SampleChange { family: Some(name.to_owned()), ..SampleChange::default() };
        assert!(store.modify_sample(SampleId::new(id), &change, at(1)).expect("a sample can be moved"));
    };
    to(0, "three");
    let two = (2, "two".to_owned(), 1, 4, 1);
    let three = |samples, functions| (3, "three".to_owned(), samples, functions, 0);
    assert_eq!(families(store), [nameless(), (1, "one".to_owned(), 1, 3, 0), two.clone(), three(1, 2)]);
    let moved = store.sample(SampleId::new(0)).expect("a sample can be read").expect("it is there");
    assert_eq!((moved.family_id.get(), moved.family.as_str()), (3, "three"));
    let function =
        store.functions(&FunctionQuery::ByIds(vec![FunctionId::new(1)])).expect("functions can be read");
    assert_eq!(function[0].family_id.get(), 3);
    to(1, "three");
    assert_eq!(families(store), [nameless(), two.clone(), three(2, 5)], "the emptied family is gone");
    to(1, "three");
    assert_eq!(families(store), [nameless(), two, three(2, 5)]);
    to(0, "");
    to(0, "one");
    let ids: Vec<i64> = families(store).iter().map(|family| family.0).collect();
    assert_eq!(ids, [0, 2, 3, 4], "the nameless family stays, a name that comes back gets a new number");
}

fn family(store: &dyn Store) {
    corpus(store);
    let modify = |id: i64, change: &FamilyChange| {
        store.modify_family(FamilyId::new(id), change, at(1)).expect("a family can be changed")
    };
    assert!(!modify(99, &rename("abc")));
    assert_eq!(families(store).len(), 3, "an unknown family creates nothing");
    assert!(modify(1, &FamilyChange { is_library: Some(true), name: None }));
    assert_eq!(families(store)[1], (1, "one".to_owned(), 2, 5, 2));
    assert!(modify(1, &FamilyChange { is_library: Some(false), name: None }));
    assert_eq!(families(store)[1], (1, "one".to_owned(), 2, 5, 0));
    assert!(modify(2, &FamilyChange { is_library: Some(false), name: Some("renamed".to_owned()) }));
    assert_eq!(families(store)[2], (3, "renamed".to_owned(), 1, 4, 0));
    assert!(modify(3, &rename("one")));
    assert_eq!(families(store), [nameless(), (1, "one".to_owned(), 3, 9, 0)]);
    assert!(modify(1, &rename("one")));
    assert_eq!(families(store), [nameless(), (1, "one".to_owned(), 3, 9, 0)], "its own name changes nothing");
    assert!(modify(1, &rename("")));
    assert_eq!(families(store), [(0, String::new(), 3, 9, 0)]);
    assert!(modify(0, &rename("out")));
    assert_eq!(families(store), [nameless(), (4, "out".to_owned(), 3, 9, 0)]);
}

fn delete_sample(store: &dyn Store) {
    corpus(store);
    let state = store.counts().expect("counts can be read").state;
    let delete = |id: i64| store.delete_sample(SampleId::new(id), at(9)).expect("a sample can be deleted");
    assert!(!delete(99));
    assert!(delete(1));
    assert!(!delete(1));
    assert_eq!(store.sample(SampleId::new(1)).expect("a sample can be asked for"), None);
    let gone: Vec<FunctionId> = (2..5).map(FunctionId::new).collect();
    assert_eq!(store.functions(&FunctionQuery::ByIds(gone.clone())).expect("functions can be read"), []);
    assert_eq!(store.disassembly(&gone).expect("disassembly can be read"), [None, None, None]);
    assert_eq!(families(store)[1], (1, "one".to_owned(), 1, 2, 0));
    assert!(delete(0));
    assert_eq!(families(store), [nameless(), (2, "two".to_owned(), 1, 4, 1)]);
    let counts = store.counts().expect("counts can be read");
    assert_eq!((counts.families, counts.samples, counts.functions, counts.changed_at), (2, 1, 4, at(9)));
    assert!(counts.state > state);
    let (again, first) = add(store, &NewSample { family: "one".to_owned(), ..sample(3, 3) });
    assert_eq!(
        (again.sample_id.get(), again.family_id.get(), first.get()),
        (3, 3, 9),
        "numbers are not used again"
    );
    let labels = store.functions(&FunctionQuery::OfSample(again.sample_id)).expect("functions can be read");
    assert_eq!(labels.iter().map(|function| function.function_labels.len()).sum::<usize>(), 1);
    let (query, _) = store.add_query_sample(&sample(8, 1), at(0)).expect("a query can be kept");
    assert!(delete(query.sample_id.get()));
    assert_eq!(store.sample(query.sample_id).expect("a sample can be asked for"), None);
}

fn delete_family(store: &dyn Store) {
    corpus(store);
    let delete = |id: i64, keep: bool| {
        store.delete_family(FamilyId::new(id), keep, at(1)).expect("a family can be deleted")
    };
    assert!(!delete(77, false));
    assert!(delete(2, true));
    assert_eq!(families(store), [(0, String::new(), 1, 4, 1), (1, "one".to_owned(), 2, 5, 0)]);
    let kept = store.sample(SampleId::new(2)).expect("a sample can be read").expect("it was kept");
    assert_eq!((kept.family_id, kept.family.as_str()), (FamilyId::NAMELESS, ""));
    assert!(delete(1, false));
    assert_eq!(families(store), [(0, String::new(), 1, 4, 1)]);
    assert!(delete(0, true));
    assert_eq!(families(store), [(0, String::new(), 1, 4, 1)]);
    store.add_query_sample(&sample(8, 1), at(0)).expect("a query can be kept");
    assert!(delete(0, false));
    assert_eq!(families(store), [nameless()]);
    assert_eq!(store.functions(&FunctionQuery::All(Page::default())).expect("functions can be read"), []);
    assert!(
        store.sample(SampleId::new(-1)).expect("a sample can be read").is_some(),
        "queries belong to no family"
    );
}

fn hashes(store: &dyn Store) {
    corpus(store);
    let block = BlockOccurrence { offset: Va::new(5), length: 6, size: 7, hash: BlockHash::new(8) };
    let new = |id: i64| NewHashes {
        function_id: FunctionId::new(id),
        pichash: PicHash::new(u64::MAX),
        minhash: MinHash::from_bytes([9; 64]),
        picblockhashes: vec![block],
    };
    let state = store.counts().expect("counts can be read").state;
    // Function 4 is of another sample, function 99 of none.
    let replaced = store.replace_hashes(SampleId::new(0), &[new(1), new(4), new(99)], "4.4.4", at(1));
    assert!(replaced.expect("hashes can be replaced"));
    let ids = (0..5).map(FunctionId::new).collect();
    let functions = store.functions(&FunctionQuery::ByIds(ids)).expect("functions can be read");
    let changed: Vec<i64> = functions
        .iter()
        .filter(|function| function.pichash == PicHash::new(u64::MAX) && function.picblockhashes == [block])
        .map(|function| function.function_id.get())
        .collect();
    assert_eq!(changed, [1]);
    assert_eq!(functions[1].minhash, MinHash::from_bytes([9; 64]));
    let counts = store.counts().expect("counts can be read");
    assert_eq!(counts.samples_with_stale_minhashes, 1);
    assert!(counts.state > state);
    let version = store.minhash_version(SampleId::new(0)).expect("a version can be read");
    assert_eq!(version.as_deref(), Some("4.4.4"));
    assert!(
        !store.replace_hashes(SampleId::new(99), &[], "5.0.1", at(1)).expect("an unknown sample is told")
    );
    assert_eq!(store.minhash_version(SampleId::new(99)).expect("a version can be asked for"), None);
}
