//! Whatever is changed through the index, the index says what one built from the store would say.

use std::collections::BTreeSet;

use malkin_report::{BlockHash, FamilyId};
use malkin_store::{Catalogue, FamilyChange, SampleChange, SqliteStore};

use super::*;
use crate::test_corpus::sample;

const NOW: Timestamp = Timestamp::from_millis(0);

fn index() -> CorpusIndex {
    CorpusIndex::new(Projection::default(), 64)
}

/// Everything the index knows, in words that do not depend on its numbering.
fn told(index: &CorpusIndex) -> BTreeSet<String> {
    let reader = index.reader();
    let mut told = BTreeSet::new();
    let mut tell = |what: &str, found: malkin_index::FunctionRef| {
        let facts = reader.sample_facts(found.sample);
        told.insert(format!(
            "{what} {} {} {} {}",
            reader.sample_id(found.sample),
            reader.function_id(found),
            facts.family_id,
            facts.is_library
        ));
    };
    for hash in 1000..1100 {
        reader.with_pichash(PicHash::new(hash)).for_each(|found| tell(&format!("pichash {hash}"), found));
    }
    for hash in 77..80 {
        reader.with_block(BlockHash::new(hash)).for_each(|found| tell(&format!("block {hash}"), found));
    }
    let mut scratch = malkin_index::Scratch::default();
    for seed in 0..60 {
        let probe = sample("probe", "", seed, 1);
        let signature = probe.functions[0].minhash.as_bytes();
        for number in reader.candidates(signature, 20, &mut scratch) {
            reader.functions_of(*number).for_each(|found| tell(&format!("like {seed}"), found));
        }
    }
    told
}

fn assert_in_step(index: &CorpusIndex, store: &SqliteStore, what: &str) {
    // Records are the present ones, whether they were remembered or not; asked twice, because asking makes them remembered.
    let ids: Vec<SampleId> = (0..6).map(SampleId::new).collect();
    for _ in 0..2 {
        let mut records: Vec<SampleEntry> =
            index.records(store, &ids).unwrap().into_values().map(|record| (*record).clone()).collect();
        records.sort_by_key(|record| record.sample_id);
        assert_eq!(records, store.samples_by_ids(&ids).unwrap(), "after {what}");
    }
    let fresh = self::index();
    fresh.rebuild(store).unwrap();
    let told = told(index);
    assert_eq!(told, self::told(&fresh), "after {what}");
}

#[test]
fn the_index_follows_every_change() {
    let store = SqliteStore::open_in_memory().unwrap();
    let index = index();
    for (name, family, seed, functions) in
        [("a", "one", 0, 30), ("b", "one", 5, 30), ("c", "two", 10, 5), ("d", "", 20, 8), ("e", "two", 12, 0)]
    {
        let sample = sample(name, family, seed, functions);
        index.add(&store, &sample, || store.add_sample(&sample, &[], "", NOW)).unwrap();
    }
    assert_in_step(&index, &store, "adding");
    assert!(told(&index).len() > 100);

    let (a, b, c) = (SampleId::new(0), SampleId::new(1), SampleId::new(2));
    let change =
        SampleChange { family: Some("three".to_owned()), is_library: Some(true), ..SampleChange::default() };
    assert!(index.change(&store, Touched::Sample(a), || store.modify_sample(a, &change, NOW)).unwrap());
    assert_in_step(&index, &store, "moving a sample");

    let two = FamilyId::new(2);
    let change = FamilyChange { name: Some("four".to_owned()), is_library: Some(true) };
    assert!(index.change(&store, Touched::Family(two), || store.modify_family(two, &change, NOW)).unwrap());
    assert_in_step(&index, &store, "renaming a family");
    assert!(!index.change(&store, Touched::Family(two), || store.modify_family(two, &change, NOW)).unwrap());

    let hashes: Vec<NewHashes> = store
        .functions(&FunctionQuery::OfSample(c))
        .unwrap()
        .iter()
        .map(|function| NewHashes {
            function_id: function.function_id,
            pichash: PicHash::new(1050),
            minhash: MinHash::empty(),
            picblockhashes: function.picblockhashes.clone(),
        })
        .collect();
    assert!(index.replace_hashes(&store, c, &hashes, "5.0.1", NOW).unwrap());
    assert_in_step(&index, &store, "replacing hashes");
    assert!(!index.replace_hashes(&store, SampleId::new(99), &hashes, "5.0.1", NOW).unwrap());

    assert!(index.change(&store, Touched::Sample(b), || store.delete_sample(b, NOW)).unwrap());
    assert!(!index.change(&store, Touched::Sample(b), || store.delete_sample(b, NOW)).unwrap());
    assert_in_step(&index, &store, "deleting a sample");

    let three = store.sample(a).unwrap().unwrap().family_id;
    assert!(index.change(&store, Touched::Family(three), || store.delete_family(three, true, NOW)).unwrap());
    assert_in_step(&index, &store, "dissolving a family");
    let nameless = FamilyId::NAMELESS;
    index.change(&store, Touched::Family(nameless), || store.delete_family(nameless, false, NOW)).unwrap();
    assert_in_step(&index, &store, "deleting a family with its samples");
    assert_eq!(index.stats().samples, store.counts().unwrap().samples as usize);
}

/// A data directory with 60 samples of 30 functions, its index stored.
fn stored_corpus() -> (tempfile::TempDir, SqliteStore) {
    let data = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(data.path(), "a test").unwrap();
    let index = open(&data, &store);
    for seed in 0..60 {
        let sample = sample(&format!("sample {seed}"), "one", seed, 30);
        index.add(&store, &sample, || store.add_sample(&sample, &[], "", NOW)).unwrap();
    }
    drop(index);
    (data, store)
}

fn open(data: &tempfile::TempDir, store: &SqliteStore) -> CorpusIndex {
    CorpusIndex::open(Projection::default(), 64, data.path(), store).unwrap()
}

fn segments(data: &tempfile::TempDir) -> Vec<std::path::PathBuf> {
    let folder = std::fs::read_dir(data.path().join("index")).unwrap();
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
    paths.sort();
    paths
}

fn sound(index: &CorpusIndex, store: &SqliteStore) -> bool {
    let report = index.verify(store).unwrap();
    report.findings.is_empty() && report.equal
}

#[test]
fn a_stored_index_is_taken_up_again() {
    let (data, store) = stored_corpus();
    assert_eq!(segments(&data).len(), 1, "what is worth a file is written at the end");
    let index = open(&data, &store);
    assert_eq!(index.held.index.read().unstored_functions(), 0, "nothing was read from the store");
    assert!(sound(&index, &store));

    // Changed behind its back, as by a process that died between store and index.
    let (a, b) = (SampleId::new(3), SampleId::new(4));
    assert!(store.delete_sample(a, NOW).unwrap());
    let change = SampleChange { is_library: Some(true), ..SampleChange::default() };
    assert!(store.modify_sample(b, &change, NOW).unwrap());
    let function = store.functions(&FunctionQuery::OfSample(SampleId::new(7))).unwrap().remove(0);
    let hashes = NewHashes {
        function_id: function.function_id,
        pichash: PicHash::new(1001),
        minhash: MinHash::empty(),
        picblockhashes: Vec::new(),
    };
    assert!(store.replace_hashes(SampleId::new(7), &[hashes], "5.0.1", NOW).unwrap());
    drop(index);
    let index = open(&data, &store);
    assert_eq!(index.held.index.read().unstored_functions(), 30, "only the changed sample was read again");
    assert!(sound(&index, &store));
    assert_in_step(&index, &store, "changes that the index did not see");

    index.compact();
    assert_eq!((segments(&data).len(), index.stats().segments), (1, 1));
    assert!(sound(&index, &store));
}

#[test]
fn damaged_segments_are_found_and_replaced() {
    type Ruin = fn(&mut Vec<u8>);
    let ruin: [(&str, Ruin); 6] = [
        ("a flipped bit", |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 0x10;
        }),
        ("a flipped bit in the checksum", |bytes| {
            let at = bytes.len() - 1;
            bytes[at] ^= 1;
        }),
        ("a torn file", |bytes| bytes.truncate(bytes.len() / 3)),
        ("an empty file", Vec::clear),
        ("another format", |bytes| {
            bytes[8] = 77;
            let image = bytes.len() - 32;
            let checksum = malkin_index::checksum(&bytes[..image]);
            bytes[image..].copy_from_slice(&checksum);
        }),
        ("a file of something else", |bytes| {
            *bytes = b"not a segment at all, but long enough to look like one".to_vec();
        }),
    ];
    for (what, ruin) in ruin {
        let (data, store) = stored_corpus();
        let path = segments(&data).remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        ruin(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        std::fs::write(data.path().join("index/0000000009.unfinished"), b"left behind").unwrap();
        let index = open(&data, &store);
        let report = index.verify(&store).unwrap();
        assert_eq!(report.findings.len(), 1, "{what}: {:?}", report.findings);
        assert!(report.equal, "{what}");
        assert_in_step(&index, &store, what);
        assert!(!path.exists(), "{what}: a file that cannot be used is removed");
        drop(index);
        assert!(sound(&open(&data, &store), &store), "{what}: repaired at the next start");
        assert_eq!(segments(&data).len(), 1);
    }
}

#[test]
fn a_segment_of_another_corpus_brings_nothing() {
    let (other, _) = stored_corpus();
    let (data, store) = stored_corpus();
    // The same samples under the same numbers, but written by another store.
    let foreign = segments(&other).remove(0);
    std::fs::copy(foreign, data.path().join("index/0000000007.segment")).unwrap();
    let index = open(&data, &store);
    assert!(sound(&index, &store));
    assert_eq!(segments(&data).len(), 1, "what brings nothing is removed");
}

#[test]
fn an_emptied_corpus_leaves_no_segment() {
    let (data, store) = stored_corpus();
    let index = open(&data, &store);
    index.reset(|| malkin_store::Store::respawn(&store)).unwrap();
    assert_eq!(segments(&data), Vec::<std::path::PathBuf>::new());
    assert!(sound(&index, &store));
    assert_eq!(index.rebuild(&store).unwrap(), 0);
}

#[test]
fn a_folder_that_cannot_be_used_costs_nothing_but_time() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("index"), b"a file where the folder should be").unwrap();
    let store = SqliteStore::open(data.path(), "a test").unwrap();
    let index = open(&data, &store);
    let sample = sample("a", "one", 0, 30);
    index.add(&store, &sample, || store.add_sample(&sample, &[], "", NOW)).unwrap();
    let report = index.verify(&store).unwrap();
    assert_eq!((report.findings.len(), report.equal, report.functions), (1, true, 30));
}
