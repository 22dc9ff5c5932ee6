//! Whatever is changed through the memory, the index says what one built from the store would say.

use std::collections::BTreeSet;

use malkin_report::{BlockHash, FamilyId};
use malkin_store::{Catalogue, FamilyChange, SampleChange, SqliteStore};

use super::*;
use crate::test_corpus::sample;

const NOW: Timestamp = Timestamp::from_millis(0);

fn memory() -> Memory {
    Memory::new(Projection::default(), 64)
}

/// Everything the index knows, in words that do not depend on its numbering.
fn told(memory: &Memory) -> BTreeSet<String> {
    let snapshot = memory.snapshot();
    let mut told = BTreeSet::new();
    let mut tell = |what: &str, found: malkin_index::FunctionRef| {
        let facts = snapshot.sample_facts(found.sample);
        told.insert(format!(
            "{what} {} {} {} {}",
            snapshot.sample_id(found.sample),
            snapshot.function_id(found),
            facts.family_id,
            facts.is_library
        ));
    };
    for hash in 1000..1100 {
        snapshot.with_pichash(PicHash::new(hash)).for_each(|found| tell(&format!("pichash {hash}"), found));
    }
    for hash in 77..80 {
        snapshot.with_block(BlockHash::new(hash)).for_each(|found| tell(&format!("block {hash}"), found));
    }
    let mut scratch = malkin_index::Scratch::default();
    for seed in 0..60 {
        let probe = sample("probe", "", seed, 1);
        let signature = probe.functions[0].minhash.as_bytes();
        for number in snapshot.candidates(signature, 20, &mut scratch) {
            snapshot.functions_of(*number).for_each(|found| tell(&format!("like {seed}"), found));
        }
    }
    told
}

fn assert_in_step(memory: &Memory, store: &SqliteStore, what: &str) {
    let fresh = self::memory();
    fresh.rebuild(store).unwrap();
    let told = told(memory);
    assert_eq!(told, self::told(&fresh), "after {what}");
}

#[test]
fn the_index_follows_every_change() {
    let store = SqliteStore::open_in_memory().unwrap();
    let memory = memory();
    for (name, family, seed, functions) in
        [("a", "one", 0, 30), ("b", "one", 5, 30), ("c", "two", 10, 5), ("d", "", 20, 8), ("e", "two", 12, 0)]
    {
        let sample = sample(name, family, seed, functions);
        memory.add(&sample, || store.add_sample(&sample, &[], "", NOW)).unwrap();
    }
    assert_in_step(&memory, &store, "adding");
    assert!(told(&memory).len() > 100);

    let (a, b, c) = (SampleId::new(0), SampleId::new(1), SampleId::new(2));
    let change =
        SampleChange { family: Some("three".to_owned()), is_library: Some(true), ..SampleChange::default() };
    assert!(memory.change(&store, Touched::Sample(a), || store.modify_sample(a, &change, NOW)).unwrap());
    assert_in_step(&memory, &store, "moving a sample");

    let two = FamilyId::new(2);
    let change = FamilyChange { name: Some("four".to_owned()), is_library: Some(true) };
    assert!(memory.change(&store, Touched::Family(two), || store.modify_family(two, &change, NOW)).unwrap());
    assert_in_step(&memory, &store, "renaming a family");
    assert!(!memory.change(&store, Touched::Family(two), || store.modify_family(two, &change, NOW)).unwrap());

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
    assert!(memory.replace_hashes(&store, c, &hashes, "5.0.1", NOW).unwrap());
    assert_in_step(&memory, &store, "replacing hashes");
    assert!(!memory.replace_hashes(&store, SampleId::new(99), &hashes, "5.0.1", NOW).unwrap());

    assert!(memory.change(&store, Touched::Sample(b), || store.delete_sample(b, NOW)).unwrap());
    assert!(!memory.change(&store, Touched::Sample(b), || store.delete_sample(b, NOW)).unwrap());
    assert_in_step(&memory, &store, "deleting a sample");

    let three = store.sample(a).unwrap().unwrap().family_id;
    assert!(memory.change(&store, Touched::Family(three), || store.delete_family(three, true, NOW)).unwrap());
    assert_in_step(&memory, &store, "dissolving a family");
    let nameless = FamilyId::NAMELESS;
    memory.change(&store, Touched::Family(nameless), || store.delete_family(nameless, false, NOW)).unwrap();
    assert_in_step(&memory, &store, "deleting a family with its samples");
    assert_eq!(memory.stats().samples, store.counts().unwrap().samples as usize);
}
