//! Checks of the catalogue: what was added is read back, numbered and counted as promised.

use malkin_report::{FamilyId, FunctionEntry, FunctionId, FunctionLabel, PicHash, SampleEntry, SampleId, Va};

use super::{Check, at, labels, sample, xcfg};
use crate::{
    Added, After, FunctionQuery, FunctionRun, IndexedSample, NewHashes, NewLabel, NewSample, PIECE_RECORDS,
    Page, SampleChange, Store,
};

pub(super) const CHECKS: &[Check] = &[
    ("an empty store has the nameless family", empty),
    ("a sample is read back as it was added", read_back),
    ("a known sample is found and gets the labels", known),
    ("numbers ascend over samples", numbering),
    ("listings are windows in order of insertion", listings),
    ("functions are found by number, sample and window", function_queries),
    ("pieces put together are the listing", pieces),
    ("disassembly is read in the order asked", disassembly),
    ("query samples count down and stay apart", query_samples),
    ("the walk shows every stored function once", walk),
    ("tokens change with hashes and with nothing else", tokens),
    ("stale signatures are counted by version", stale),
    ("families are found by name", families),
    ("imported labels keep author and time", imported_labels),
    ("a respawn empties the corpus and restarts its numbers", respawn),
];

/// Adds a sample with its labels and returns its record.
pub(super) fn add(store: &dyn Store, sample: &NewSample) -> (SampleEntry, FunctionId) {
    match store.add_sample(sample, &labels(sample), "somebody", at(0)).expect("a sample can be added") {
        Added::New { sample, first_function } => (sample, first_function),
        Added::Known(entry) => panic!("sample {} is known already", entry.sample_id),
    }
}

/// What the record of a sample has to be.
pub(super) fn expected_entry(sample: &NewSample, id: i64, family: i64) -> SampleEntry {
    let sample = sample.clone();
    SampleEntry {
        sample_id: SampleId::new(id),
        family_id: FamilyId::new(family),
        family: sample.family,
        version: sample.version,
        component: sample.component,
        filename: sample.filename,
        is_library: sample.is_library,
        sha256: sample.sha256,
        architecture: sample.architecture,
        bitness: sample.bitness,
        base_addr: sample.base_addr,
        binary_size: sample.binary_size,
        binweight: sample.binweight,
        smda_version: sample.smda_version,
        statistics: sample.statistics,
        timestamp: sample.timestamp,
    }
}

/// What the functions of a sample have to be, numbered by `number`.
fn expected_functions(
    sample: &NewSample,
    entry: &SampleEntry,
    label: bool,
    number: impl Fn(i64) -> i64,
) -> Vec<FunctionEntry> {
    let functions = sample.functions.iter().cloned().zip(0..);
    let entries = functions.map(|(function, index)| FunctionEntry {
        function_id: FunctionId::new(number(index)),
        sample_id: entry.sample_id,
        family_id: entry.family_id,
        architecture: entry.architecture.clone(),
        binweight: function.binweight,
        function_labels: if label && !function.function_name.is_empty() {
            vec![FunctionLabel {
                function_label: function.function_name.clone(),
                username: "somebody".to_owned(),
                timestamp: "2026-01-02T03:04:05".to_owned(),
            }]
        } else {
            Vec::new()
        },
        function_name: function.function_name,
        minhash: function.minhash,
        num_blocks: function.num_blocks,
        num_instructions: function.num_instructions,
        offset: function.offset,
        pichash: function.pichash,
        picblockhashes: function.picblockhashes,
    });
    entries.collect()
}

fn functions(store: &dyn Store, query: &FunctionQuery) -> Vec<FunctionEntry> {
    store.functions(query).expect("functions can be read")
}

fn empty(store: &dyn Store) {
    let families = store.families(Page::default()).expect("families can be read");
    assert_eq!(families.len(), 1);
    assert_eq!((families[0].family_id, families[0].family_name.as_str()), (FamilyId::NAMELESS, ""));
    let counts = store.counts().expect("counts can be read");
    assert_eq!((counts.families, counts.samples, counts.functions), (1, 0, 0));
    assert!(store.size().expect("the size can be asked for") > 0, "the tables take room");
    assert_eq!(store.samples(Page::default()).expect("samples can be read"), []);
    assert_eq!(functions(store, &FunctionQuery::All(Page::default())), []);
    assert_eq!(store.sample(SampleId::new(0)).expect("a sample can be asked for"), None);
    assert_eq!(store.family(FamilyId::new(1)).expect("a family can be asked for"), None);
    assert_eq!(store.distinct_pichashes().expect("hashes can be counted"), 0);
}

fn read_back(store: &dyn Store) {
    let before = store.counts().expect("counts can be read");
    let new = sample(7, 40);
    let (entry, first) = add(store, &new);
    assert_eq!(entry, expected_entry(&new, 0, 1));
    assert_eq!(first, FunctionId::new(0));
    assert_eq!(store.sample(entry.sample_id).expect("a sample can be read"), Some(entry.clone()));
    assert_eq!(store.sample_by_sha256(&new.sha256).expect("a sample can be read"), Some(entry.clone()));
    let of_sample = functions(store, &FunctionQuery::OfSample(entry.sample_id));
    assert_eq!(of_sample, expected_functions(&new, &entry, true, |index| index));
    let counts = store.counts().expect("counts can be read");
    assert_eq!((counts.families, counts.samples, counts.functions), (2, 1, 40));
    assert!(counts.state > before.state, "the state counter grows");
    assert_eq!(counts.changed_at, at(0));
    let family =
        store.family(FamilyId::new(1)).expect("a family can be read").expect("the family was created");
    assert_eq!((family.num_samples, family.num_functions, family.num_library_samples), (1, 40, 0));
    assert_eq!(family.family_name, new.family);
    let mut hashes: Vec<_> =
        new.functions.iter().map(|function| function.pichash.get()).filter(|hash| *hash != 0).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(store.distinct_pichashes().expect("hashes can be counted"), hashes.len() as u64);
    assert_eq!(
        store.minhash_version(entry.sample_id).expect("a version can be read"),
        Some("5.0.1".to_owned())
    );
}

fn known(store: &dyn Store) {
    let new = sample(1, 9);
    let (entry, _) = add(store, &new);
    let state = store.counts().expect("counts can be read").state;
    let entry_of = |index: usize| new.functions[index].offset;
    let label = |offset: Va, text: &str| NewLabel { offset, label: text.to_owned() };
    let more = [label(entry_of(1), "name_1"), label(entry_of(0), "zero"), label(Va::new(3), "nowhere")];
    let other = NewSample { family: "elsewhere".to_owned(), functions: Vec::new(), ..sample(1, 0) };
    for (user, time) in [("somebody", 10), ("another", 20), ("another", 30)] {
        let added = store.add_sample(&other, &more, user, at(time)).expect("a known sample is found");
        assert_eq!(added, Added::Known(entry.clone()));
    }
    let all = functions(store, &FunctionQuery::All(Page::default()));
    let texts = |index: usize| -> Vec<(&str, &str, &str)> {
        let labels = all[index].function_labels.iter();
        labels.map(|l| (l.function_label.as_str(), l.username.as_str(), &l.timestamp[17..])).collect()
    };
    assert_eq!(texts(0), [("zero", "somebody", "15"), ("zero", "another", "25")]);
    assert_eq!(texts(1), [("name_1", "somebody", "05"), ("name_1", "another", "25")]);
    let counts = store.counts().expect("counts can be read");
    assert_eq!((counts.samples, counts.families), (1, 2), "nothing but labels was added");
    assert_eq!(counts.state, state, "labels do not change what is matched");
}

fn numbering(store: &dyn Store) {
    let numbers: Vec<_> = [(1, 3), (2, 0), (3, 5)]
        .map(|(seed, count)| {
            let (entry, first) = add(store, &sample(seed, count));
            (entry.sample_id.get(), entry.family_id.get(), first.get())
        })
        .into();
    assert_eq!(numbers, [(0, 1, 0), (1, 2, 3), (2, 3, 3)]);
    let nameless = NewSample { family: String::new(), ..sample(4, 1) };
    let (entry, first) = add(store, &nameless);
    assert_eq!((entry.family_id, first.get()), (FamilyId::NAMELESS, 8));
    let same_family = NewSample { family: "family1".to_owned(), ..sample(5, 1) };
    assert_eq!(add(store, &same_family).0.family_id, FamilyId::new(1));
}

fn listings(store: &dyn Store) {
    for seed in 0..5 {
        add(store, &NewSample { family: format!("f{}", seed % 2), ..sample(seed, 2) });
    }
    let page = |start, limit| -> Vec<i64> {
        let samples = store.samples(Page { start, limit }).expect("samples can be read");
        samples.iter().map(|sample| sample.sample_id.get()).collect()
    };
    assert_eq!(page(0, 0), [0, 1, 2, 3, 4]);
    assert_eq!(page(1, 2), [1, 2]);
    assert_eq!(page(4, 9), [4]);
    assert_eq!(page(5, 0), [0; 0]);
    assert_eq!(page(u64::MAX, u64::MAX), [0; 0]);
    let of_family = store.samples_of_family(FamilyId::new(2)).expect("samples can be read");
    assert_eq!(of_family.iter().map(|sample| sample.sample_id.get()).collect::<Vec<_>>(), [1, 3]);
    let ids = [3, 99, 0, 3, -1].map(SampleId::new);
    let by_ids = store.samples_by_ids(&ids).expect("samples can be read");
    assert_eq!(by_ids.iter().map(|sample| sample.sample_id.get()).collect::<Vec<_>>(), [3, 0, 3]);
    let families = store.families(Page { start: 1, limit: 1 }).expect("families can be read");
    assert_eq!(families.len(), 1);
    let first = &families[0];
    assert_eq!((first.family_id.get(), first.family_name.as_str()), (1, "f0"));
    assert_eq!((first.num_samples, first.num_functions, first.num_library_samples), (3, 6, 3));
    assert_eq!(store.sample_by_sha256("").expect("a sample can be asked for"), None);
    let upper = sample(10, 0).sha256.to_uppercase();
    assert_eq!(store.sample_by_sha256(&upper).expect("a sample can be asked for"), None);
}

fn function_queries(store: &dyn Store) {
    for (seed, count) in [(1, 4), (2, 0), (3, 3), (4, 5)] {
        add(store, &sample(seed, count));
    }
    store.delete_sample(SampleId::new(2), at(1)).expect("a sample can be deleted");
    let ids = |query: FunctionQuery| -> Vec<i64> {
        functions(store, &query).iter().map(|function| function.function_id.get()).collect()
    };
    let window = |start, limit| ids(FunctionQuery::All(Page { start, limit }));
    assert_eq!(window(0, 0), [0, 1, 2, 3, 7, 8, 9, 10, 11]);
    assert_eq!(window(2, 4), [2, 3, 7, 8]);
    assert_eq!(window(4, 1), [7]);
    assert_eq!(window(8, 100), [11]);
    assert_eq!(window(9, 1), [0; 0]);
    assert_eq!(ids(FunctionQuery::ByIds([8, 4, 99, 0, 8].map(FunctionId::new).into())), [8, 0, 8]);
    assert_eq!(ids(FunctionQuery::OfSample(SampleId::new(3))), [7, 8, 9, 10, 11]);
    assert_eq!(ids(FunctionQuery::OfSample(SampleId::new(1))), [0; 0]);
    assert_eq!(ids(FunctionQuery::OfSample(SampleId::new(77))), [0; 0]);
    let one = functions(store, &FunctionQuery::ByIds(vec![FunctionId::new(1)]));
    assert_eq!(one[0].function_labels.len(), 1, "labels are shown by number too");
}

fn disassembly(store: &dyn Store) {
    add(store, &sample(1, 30));
    add(store, &sample(2, 30));
    let order: Vec<u64> = (0..60).map(|n| n * 37 % 61 % 60).collect();
    let mut ids: Vec<FunctionId> = order.iter().map(|id| FunctionId::new(*id as i64)).collect();
    ids.push(FunctionId::new(1000));
    let found = store.disassembly(&ids).expect("disassembly can be read");
    assert_eq!(found.len(), ids.len());
    for (id, found) in order.iter().zip(&found) {
        let (seed, index) = (1 + id / 30, id % 30);
        let expected = if index % 9 == 8 { None } else { Some(xcfg(seed, index)) };
        assert!(*found == expected, "disassembly of function {id}");
    }
    assert_eq!(found.last(), Some(&None));
}

fn query_samples(store: &dyn Store) {
    let (entry, _) = add(store, &sample(1, 4));
    let before = store.counts().expect("counts can be read");
    let query = sample(1, 6);
    let (first, first_function) = store.add_query_sample(&query, at(1)).expect("a query can be kept");
    assert_eq!(first, expected_entry(&query, -1, 0));
    assert_eq!(first_function, FunctionId::new(-1));
    let (second, second_function) =
        store.add_query_sample(&sample(2, 2), at(2)).expect("a query can be kept");
    assert_eq!((second.sample_id.get(), second_function.get()), (-2, -7));
    let of_query = functions(store, &FunctionQuery::OfSample(first.sample_id));
    assert_eq!(of_query, expected_functions(&query, &first, false, |index| -1 - index));
    let ids: Vec<_> = of_query.iter().map(|function| function.function_id).collect();
    let found = store.disassembly(&ids).expect("disassembly can be read");
    assert_eq!(found[5], Some(xcfg(1, 5)));
    let ids = [entry.sample_id, first.sample_id, SampleId::new(99)];
    assert_eq!(store.count_functions(&ids).expect("functions can be counted"), 4 + 6);
    assert_eq!(store.sample(first.sample_id).expect("a sample can be read"), Some(first));
    assert_eq!(store.counts().expect("counts can be read"), before);
    assert_eq!(store.sample_by_sha256(&query.sha256).expect("a sample can be read"), Some(entry));
    assert_eq!(store.samples(Page::default()).expect("samples can be read").len(), 1);
    assert_eq!(store.samples_of_family(FamilyId::NAMELESS).expect("samples can be read"), []);
    assert_eq!(functions(store, &FunctionQuery::All(Page::default())).len(), 4);
    let nameless = store.family(FamilyId::NAMELESS).expect("a family can be read").expect("it exists");
    assert_eq!((nameless.num_samples, nameless.num_functions), (0, 0));
    assert_eq!(store.delete_query_samples(at(2)).expect("queries can be deleted"), 1);
    assert_eq!(store.sample(SampleId::new(-1)).expect("a sample can be asked for"), None);
    assert_eq!(functions(store, &FunctionQuery::ByIds(vec![FunctionId::new(-1)])), []);
    let (third, third_function) = store.add_query_sample(&sample(3, 0), at(3)).expect("a query can be kept");
    assert_eq!((third.sample_id.get(), third_function.get()), (-3, -9), "numbers are not used again");
}

fn walk(store: &dyn Store) {
    let news = [sample(1, 7), sample(2, 0), sample(3, 12)];
    for new in &news {
        add(store, new);
    }
    store.add_query_sample(&sample(4, 3), at(0)).expect("a query can be kept");
    let mut seen = Vec::new();
    store
        .each_indexed_sample(&mut |sample, rows| {
            seen.push((sample.clone(), rows.to_vec()));
            true
        })
        .expect("the corpus can be walked");
    assert_eq!(seen.len(), 3);
    let mut number = 0;
    for ((entry, rows), (new, id)) in seen.iter().zip(news.iter().zip(0..)) {
        assert_eq!(*entry, expected_entry(new, id, id + 1));
        assert_eq!(rows.len(), new.functions.len());
        for (row, function) in rows.iter().zip(&new.functions) {
            assert_eq!((row.sample_id, row.function_id.get()), (entry.sample_id, number));
            assert_eq!((row.pichash, &row.minhash), (function.pichash, &function.minhash));
            assert_eq!(row.picblockhashes, function.picblockhashes);
            number += 1;
        }
    }
    let mut visits = 0;
    store
        .each_indexed_sample(&mut |_, _| {
            visits += 1;
            false
        })
        .expect("a walk can be stopped");
    assert_eq!(visits, 1);
}

fn tokens(store: &dyn Store) {
    let (a, b) = (add(store, &sample(1, 3)).0.sample_id, add(store, &sample(2, 2)).0.sample_id);
    store.add_query_sample(&sample(4, 3), at(0)).expect("a query can be kept");
    let indexed = || store.indexed_samples().expect("the samples can be listed");
    let token = |id| store.index_token(id).expect("a token can be asked for");
    let before = indexed();
    assert_eq!(before.iter().map(|sample| sample.sample_id).collect::<Vec<_>>(), [a, b]);
    assert_ne!(before[0].token, before[1].token);
    assert_eq!((token(a), token(SampleId::new(99))), (Some(before[0].token), None));
    let change = SampleChange { is_library: Some(true), ..SampleChange::default() };
    assert!(store.modify_sample(a, &change, at(1)).expect("a sample can be changed"));
    let library = IndexedSample { is_library: true, ..before[0] };
    assert_eq!(indexed(), [library, before[1]], "what is no hash changes no token");
    assert!(store.replace_hashes(b, &[], "5.0.1", at(2)).expect("nothing can be replaced"));
    assert_eq!(token(b), Some(before[1].token));
    let rows = functions(store, &FunctionQuery::OfSample(b));
    let hashes = NewHashes {
        function_id: rows[0].function_id,
        pichash: PicHash::new(77),
        minhash: rows[0].minhash.clone(),
        picblockhashes: rows[0].picblockhashes.clone(),
    };
    assert!(store.replace_hashes(b, &[hashes], "5.0.1", at(3)).expect("hashes can be replaced"));
    assert_ne!(token(b), Some(before[1].token));
    let mut seen = Vec::new();
    let only = std::collections::HashSet::from([b, SampleId::new(99)]);
    let visit = &mut |entry: &SampleEntry, rows: &[crate::IndexRow]| {
        seen.push((entry.sample_id, rows.len()));
        true
    };
    store.each_indexed_sample_of(&only, visit).expect("some samples can be walked over");
    assert_eq!(seen, [(b, 2)]);
}

fn stale(store: &dyn Store) {
    for (seed, version) in [(1, "5.0.1"), (2, "4.4.4"), (3, ""), (4, "4.4.5")] {
        add(store, &NewSample { minhash_version: version.to_owned(), ..sample(seed, 1) });
    }
    let old = NewSample { minhash_version: String::new(), ..sample(9, 1) };
    store.add_query_sample(&old, at(0)).expect("a query can be kept");
    assert_eq!(store.counts().expect("counts can be read").samples_with_stale_minhashes, 2);
}

fn families(store: &dyn Store) {
    let state = store.counts().expect("counts can be read").state;
    let id = store.family_named("fresh", at(0)).expect("a family can be created");
    assert_eq!(id, FamilyId::new(1));
    assert_eq!(store.family_named("fresh", at(0)).expect("a family is found"), id);
    assert_eq!(store.family_named("", at(0)).expect("a family is found"), FamilyId::NAMELESS);
    assert_eq!(store.family_named("Fresh", at(0)).expect("a family can be created"), FamilyId::new(2));
    let counts = store.counts().expect("counts can be read");
    assert_eq!(counts.families, 3);
    assert!(counts.state > state);
}

fn imported_labels(store: &dyn Store) {
    add(store, &sample(1, 2));
    let label = |text: &str, user: &str| FunctionLabel {
        function_label: text.to_owned(),
        username: user.to_owned(),
        timestamp: "1999-12-31T23:59:59".to_owned(),
    };
    let labels = [
        (FunctionId::new(0), label("b", "x")),
        (FunctionId::new(0), label("a", "y")),
        (FunctionId::new(0), label("b", "x")),
        (FunctionId::new(55), label("b", "x")),
    ];
    assert_eq!(store.add_function_labels(&labels).expect("labels can be added"), 2);
    let all = functions(store, &FunctionQuery::All(Page::default()));
    assert_eq!(all[0].function_labels, [label("b", "x"), label("a", "y")]);
}

fn respawn(store: &dyn Store) {
    add(store, &sample(1, 4));
    store.add_query_sample(&sample(2, 4), at(0)).expect("a query can be kept");
    let state = store.counts().expect("counts can be read").state;
    store.respawn().expect("a store can be emptied");
    let counts = store.counts().expect("counts can be read");
    assert_eq!((counts.families, counts.samples, counts.functions), (1, 0, 0));
    assert!(counts.state > state, "the state counter survives and grows");
    assert_eq!(store.sample(SampleId::new(-1)).expect("a sample can be asked for"), None);
    assert_eq!(functions(store, &FunctionQuery::ByIds(vec![FunctionId::new(0), FunctionId::new(-1)])), []);
    let (entry, first) = add(store, &sample(3, 4));
    assert_eq!((entry.sample_id.get(), entry.family_id.get(), first.get()), (0, 1, 0));
    let (query, function) = store.add_query_sample(&sample(2, 4), at(0)).expect("a query can be kept");
    assert_eq!((query.sample_id.get(), function.get()), (-1, -1));
    assert_eq!(functions(store, &FunctionQuery::ByIds(vec![FunctionId::new(1)]))[0].function_labels.len(), 1);
}

/// The functions of a run, at most so many, read piece by piece, and how many pieces that took.
fn all_pieces(store: &dyn Store, run: FunctionRun<'_>, most: u64) -> (Vec<FunctionEntry>, usize) {
    let (mut found, mut pieces) = (Vec::new(), 0);
    let mut at = 0_u64;
    loop {
        let rest = match run {
            FunctionRun::Between(first, last) => {
                FunctionRun::Between(FunctionId::new(first.get() + at as i64), last)
            }
            FunctionRun::Each(ids) => FunctionRun::Each(&ids[at as usize..]),
        };
        let piece = store.function_piece(rest, most - found.len() as u64, true).expect("functions are read");
        if piece.read == 0 || found.len() as u64 == most {
            return (found, pieces);
        }
        assert!(piece.functions.len() <= PIECE_RECORDS);
        let ids: Vec<FunctionId> = piece.functions.iter().map(|(entry, _)| entry.function_id).collect();
        let disassembly = store.disassembly(&ids).expect("disassembly is read");
        for ((entry, xcfg), expected) in piece.functions.into_iter().zip(disassembly) {
            assert_eq!(xcfg, expected, "function {}", entry.function_id);
            found.push(entry);
        }
        at += piece.read;
        pieces += 1;
    }
}

fn pieces(store: &dyn Store) {
    let samples: Vec<SampleEntry> = [700, 3, 0, 40, 5]
        .into_iter()
        .zip(1..)
        .map(|(functions, seed)| add(store, &sample(seed, functions)).0)
        .collect();
    store.add_query_sample(&sample(9, 4), at(0)).expect("a query is kept");
    assert!(store.delete_sample(samples[1].sample_id, at(1)).expect("a sample is deleted"));

    let whole = |page| store.functions(&FunctionQuery::All(page)).expect("functions are read");
    for page in [(0, 0), (0, 10), (650, 90), (699, 2), (700, 0), (744, 0), (745, 0), (0, 5000)] {
        let page = Page { start: page.0, limit: page.1 };
        let most = if page.limit == 0 { u64::MAX } else { page.limit };
        let (found, pieces) = match store.function_window(page).expect("a window is found") {
            Some((first, last)) => all_pieces(store, FunctionRun::Between(first, last), most),
            None => (Vec::new(), 0),
        };
        assert_eq!(found, whole(page), "{page:?}");
        assert!(page != Page::default() || pieces > 1, "a long listing has several pieces");
    }
    for entry in &samples {
        let numbers = store.function_numbers(entry.sample_id).expect("numbers are read");
        let expected =
            store.functions(&FunctionQuery::OfSample(entry.sample_id)).expect("functions are read");
        assert_eq!(all_pieces(store, FunctionRun::Each(&numbers), u64::MAX).0, expected);
    }

    let of_family = |family| -> Vec<SampleEntry> {
        let (mut found, mut after) = (Vec::new(), After { number: None, skip: 1 });
        loop {
            let piece = store.sample_piece(family, after).expect("samples are read");
            let Some(last) = piece.last() else { return found };
            after = After { number: Some(last.sample_id.get()), skip: 0 };
            found.extend(piece);
        }
    };
    assert_eq!(of_family(None), store.samples(Page { start: 1, limit: 0 }).expect("samples are read"));
    let family = Some(samples[0].family_id);
    assert_eq!(of_family(family), [], "its only sample is left out");
    let families = store.family_piece(After { number: Some(0), skip: 1 }).expect("families are read");
    assert_eq!(families, store.families(Page { start: 2, limit: 0 }).expect("families are read"));
}
