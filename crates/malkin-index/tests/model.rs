//! The index against a model that compares everything with everything, through inserts, removals, changed facts and merges.

use std::collections::{BTreeMap, BTreeSet};

use malkin_codehash::{Projection, equal_positions};
use malkin_index::{IndexError, IndexReader, IndexWriter, IndexedFunction, NewSample, SampleFacts, Scratch};
use malkin_report::{BlockHash, FamilyId, FunctionId, PicHash, SampleId};
use proptest::prelude::*;

const LEN: usize = 64;

#[derive(Clone, Debug)]
struct Function {
    id: i64,
    pichash: u64,
    minhash: Vec<u8>,
    blocks: Vec<BlockHash>,
}

#[derive(Clone, Debug)]
enum Step {
    Insert(i64, SampleFacts, Vec<Function>),
    Remove(i64),
    Facts(i64, SampleFacts),
    Merge,
    /// Everything into one image, which a new index takes in, without one sample that is gone meanwhile.
    Restart(i64),
    Clear,
}

#[derive(Clone, Debug, Default)]
struct Model(BTreeMap<i64, (SampleFacts, Vec<Function>)>);

impl Model {
    fn functions(&self) -> impl Iterator<Item = (i64, &Function)> {
        self.0
            .iter()
            .flat_map(|(sample, (_, functions))| functions.iter().map(|function| (*sample, function)))
    }

    fn found(&self, wanted: impl Fn(&Function) -> bool) -> BTreeSet<(i64, i64)> {
        self.functions()
            .filter(|(_, function)| wanted(function))
            .map(|(sample, function)| (sample, function.id))
            .collect()
    }
}

/// Signatures near one of three, so that some share bands and some do not.
fn signature() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((0..LEN, 0..4_u8), 0..40);
    prop_oneof![
        1 => Just(Vec::new()),
        9 => (0..3_u8, edits).prop_map(|(kind, edits)| {
            let mut bytes: Vec<u8> = (0..LEN).map(|at| kind.wrapping_mul(80).wrapping_add(at as u8 % 7)).collect();
            for (at, value) in edits {
                bytes[at] = value;
            }
            bytes
        }),
    ]
}

fn functions() -> impl Strategy<Value = Vec<Function>> {
    let function = (0..3_i64, 0..4_u64, signature(), prop::collection::vec(0..6_u64, 0..4));
    prop::collection::vec(function, 0..7).prop_map(|raw| {
        let mut id = 0;
        let with_ids = raw.into_iter().map(|(gap, pichash, minhash, blocks)| {
            id += 1 + gap / 2;
            Function { id, pichash, minhash, blocks: blocks.into_iter().map(BlockHash::new).collect() }
        });
        // Not in ascending order on purpose.
        let mut functions: Vec<Function> = with_ids.collect();
        functions.reverse();
        functions
    })
}

fn facts() -> impl Strategy<Value = SampleFacts> {
    (0..4_i64, any::<bool>())
        .prop_map(|(family, is_library)| SampleFacts { family_id: FamilyId::new(family), is_library })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0..12_i64;
    let step = prop_oneof![
        8 => (id.clone(), facts(), functions()).prop_map(|(id, facts, functions)| Step::Insert(id, facts, functions)),
        3 => id.clone().prop_map(Step::Remove),
        2 => (id.clone(), facts()).prop_map(|(id, facts)| Step::Facts(id, facts)),
        2 => Just(Step::Merge),
        2 => id.prop_map(Step::Restart),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..30)
}

fn insert(
    index: &mut IndexWriter,
    id: i64,
    facts: SampleFacts,
    functions: &[Function],
) -> Result<(), IndexError> {
    let indexed: Vec<IndexedFunction<'_>> = functions
        .iter()
        .map(|function| IndexedFunction {
            id: FunctionId::new(function.id),
            pichash: PicHash::new(function.pichash),
            minhash: &function.minhash,
            blocks: &function.blocks,
        })
        .collect();
    index.insert_sample(SampleId::new(id), facts, &indexed)
}

fn apply(index: &mut IndexWriter, model: &mut Model, step: Step) {
    match step {
        Step::Insert(id, facts, functions) => {
            let done = insert(index, id, facts, &functions);
            if let std::collections::btree_map::Entry::Vacant(slot) = model.0.entry(id) {
                assert_eq!(done, Ok(()));
                slot.insert((facts, functions));
            } else {
                assert_eq!(done, Err(IndexError::SampleExists(SampleId::new(id))));
            }
        }
        Step::Remove(id) => {
            let known = model.0.remove(&id).is_some();
            let id = SampleId::new(id);
            assert_eq!(
                index.remove_sample(id),
                if known { Ok(()) } else { Err(IndexError::UnknownSample(id)) }
            );
        }
        Step::Facts(id, facts) => {
            let known = model.0.get_mut(&id).map(|entry| entry.0 = facts).is_some();
            let id = SampleId::new(id);
            assert_eq!(
                index.set_sample_facts(id, facts),
                if known { Ok(()) } else { Err(IndexError::UnknownSample(id)) }
            );
        }
        Step::Merge => {
            while let Some(plan) = index.plan_merge() {
                assert!(index.commit_merge(plan.run().expect("segments can be merged")));
            }
        }
        Step::Restart(gone) => {
            model.0.remove(&gone);
            let image = index.canonical().expect("the index can be merged");
            let mut fresh = index.emptied();
            if let Some(image) = image {
                let told = |id: SampleId, _| model.0.get(&id.get()).map(|(facts, _)| *facts);
                assert_eq!(fresh.open_segment(image, 7, told), Ok(model.0.len()));
            }
            *index = fresh;
        }
        Step::Clear => {
            index.clear();
            model.0.clear();
        }
    }
}

/// Everything the index can be asked, against the model.
fn check(reader: &IndexReader, model: &Model, queries: &[Vec<u8>]) {
    let ids = |found: &mut dyn Iterator<Item = malkin_index::FunctionRef>| -> BTreeSet<(i64, i64)> {
        let mut seen = BTreeSet::new();
        for function in found {
            let id = (reader.sample_id(function.sample).get(), reader.function_id(function).get());
            assert!(seen.insert(id), "{id:?} is named twice");
        }
        seen
    };
    let mut scratch = Scratch::new();
    for query in queries {
        for required in [0, 1, 2, 3, 20, 21] {
            let found = reader.candidates(query, required, &mut scratch).to_vec();
            let found = ids(&mut found.iter().flat_map(|number| reader.functions_of(*number)));
            let expected = model.found(|function| {
                required > 0
                    && shared_bands(reader.projection(), query, &function.minhash) >= required as usize
            });
            assert_eq!(found, expected, "candidates for k = {required}");
        }
        for min_equal in [1, 33, 64] {
            let close = reader.exact(query, min_equal);
            assert!(close.iter().all(|c| c.equal == equal_positions(query, reader.signature(c.signature))));
            let found = ids(&mut close.iter().flat_map(|close| reader.functions_of(close.signature)));
            let expected = model.found(|function| {
                let same_length = query.len() == LEN && function.minhash.len() == LEN;
                same_length
                    && query.iter().zip(&function.minhash).filter(|(a, b)| a == b).count()
                        >= min_equal as usize
            });
            assert_eq!(found, expected, "exact from {min_equal} equal positions");
        }
    }
    for hash in 0..6 {
        let found = ids(&mut reader.with_pichash(PicHash::new(hash)));
        assert_eq!(found, model.found(|function| hash != 0 && function.pichash == hash));
        let found = ids(&mut reader.with_block(BlockHash::new(hash)));
        assert_eq!(found, model.found(|function| function.blocks.contains(&BlockHash::new(hash))));
    }
    for id in 0..12 {
        let number = reader.sample_no(SampleId::new(id));
        assert_eq!(number.map(|number| reader.sample_facts(number)), model.0.get(&id).map(|entry| entry.0));
        assert!(number.is_none_or(|number| reader.sample_id(number) == SampleId::new(id)));
    }
}

fn shared_bands(projection: &Projection, a: &[u8], b: &[u8]) -> usize {
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    projection.keys(a).zip(projection.keys(b)).filter(|(a, b)| a == b).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn answers_are_those_of_the_model(steps in steps(), queries in prop::collection::vec(signature(), 1..4)) {
        let (mut index, mut model) = (IndexWriter::with_fingerprint(Projection::default(), LEN, "test"), Model::default());
        let mut earlier = Vec::new();
        for (at, step) in steps.into_iter().enumerate() {
            apply(&mut index, &mut model, step);
            if at % 5 == 0 {
                earlier.push((index.reader(), model.clone()));
            }
        }
        check(&index.reader(), &model, &queries);
        // What was written since does not show in snapshots taken before.
        for (reader, model) in earlier {
            check(&reader, &model, &queries);
        }
        prop_assert_eq!(index.stats().samples, model.0.len());
        prop_assert_eq!(index.stats().functions, model.functions().count());
        // However it came about, merged it is the same bytes as if all had been inserted at once.
        let mut rebuilt = index.emptied();
        for (id, (facts, functions)) in &model.0 {
            insert(&mut rebuilt, *id, *facts, functions).unwrap();
        }
        prop_assert!(index.canonical().unwrap() == rebuilt.canonical().unwrap());
    }

    #[test]
    fn inserting_at_once_equals_inserting_one_by_one(samples in prop::collection::vec((facts(), functions()), 0..8),
                                                     queries in prop::collection::vec(signature(), 1..3)) {
        let mut model = Model::default();
        let mut single = IndexWriter::new(Projection::default(), LEN);
        for (id, (facts, functions)) in samples.into_iter().enumerate() {
            apply(&mut single, &mut model, Step::Insert(id as i64, facts, functions));
        }
        let indexed: Vec<Vec<IndexedFunction<'_>>> = model.0.values().map(|(_, functions)| {
            functions.iter().map(|function| IndexedFunction {
                id: FunctionId::new(function.id),
                pichash: PicHash::new(function.pichash),
                minhash: &function.minhash,
                blocks: &function.blocks,
            }).collect()
        }).collect();
        let samples: Vec<NewSample<'_>> = model.0.iter().zip(&indexed).map(|((id, (facts, _)), functions)| {
            NewSample { id: SampleId::new(*id), facts: *facts, token: 0, functions }
        }).collect();
        let mut batch = IndexWriter::new(Projection::default(), LEN);
        batch.insert_samples(&samples).unwrap();
        check(&batch.reader(), &model, &queries);
    }
}

#[test]
fn a_merge_that_was_overtaken_keeps_what_happened_meanwhile() {
    let function =
        |id, byte| Function { id, pichash: 1, minhash: vec![byte; LEN], blocks: vec![BlockHash::new(5)] };
    let (mut index, mut model) = (IndexWriter::new(Projection::default(), LEN), Model::default());
    // Large enough that inserting does not merge by itself.
    let large = |first: i64| (0..9000).map(|n| function(first + n, (n % 200) as u8)).collect::<Vec<_>>();
    for id in 0..2 {
        apply(&mut index, &mut model, Step::Insert(id, SampleFacts::default(), large(id * 10_000)));
    }
    assert_eq!(index.stats().segments, 2);
    let plan = index.plan_merge().expect("two segments of one size are worth a merge");
    let overtaken = index.plan_merge().expect("planning changes nothing");
    let changed = SampleFacts { family_id: FamilyId::new(3), is_library: true };
    apply(&mut index, &mut model, Step::Facts(0, changed));
    apply(&mut index, &mut model, Step::Remove(1));
    apply(&mut index, &mut model, Step::Insert(2, changed, vec![function(7, 9)]));
    // Sample 1 was alone in its segment, which is gone: the plan does not apply any more.
    assert!(!index.commit_merge(overtaken.run().unwrap()));
    apply(&mut index, &mut model, Step::Insert(1, changed, large(50_000)));
    assert!(!index.commit_merge(plan.run().unwrap()));
    let plan = index.plan_merge().expect("there are two large segments again");
    apply(&mut index, &mut model, Step::Facts(0, SampleFacts::default()));
    assert!(index.commit_merge(plan.run().expect("segments can be merged")));
    check(&index.reader(), &model, &[vec![9; LEN], vec![77; LEN]]);
}

#[test]
fn a_refused_sample_changes_nothing() {
    let mut index = IndexWriter::new(Projection::default(), LEN);
    let minhash = vec![1; LEN];
    let good =
        IndexedFunction { id: FunctionId::new(1), pichash: PicHash::new(1), minhash: &minhash, blocks: &[] };
    let short = IndexedFunction { id: FunctionId::new(2), minhash: &minhash[1..], ..good };
    let (sample, facts) = (SampleId::new(4), SampleFacts::default());
    assert_eq!(
        index.insert_sample(sample, facts, &[good, good]),
        Err(IndexError::DuplicateFunction { sample, function: FunctionId::new(1) })
    );
    assert_eq!(
        index.insert_sample(sample, facts, &[good, short]),
        Err(IndexError::SignatureLength { function: FunctionId::new(2), expected: 64, found: 63 })
    );
    let twice = NewSample { id: sample, facts, token: 0, functions: &[good] };
    assert_eq!(index.insert_samples(&[twice, twice]), Err(IndexError::SampleExists(sample)));
    assert_eq!(index.stats(), IndexWriter::new(Projection::default(), LEN).stats());
    assert!(!index.contains(sample));
}
