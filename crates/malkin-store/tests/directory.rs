//! The data directory: what survives closing, who may come in, what happens to files that are not what they should be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use malkin_report::UploadId;
use malkin_store::conformance::{at, labels, sample};
use malkin_store::{
    Catalogue, FunctionQuery, JobFilter, Jobs, NewJob, Page, Retention, SqliteStore, Store, StoreError,
    Upload, Wanted,
};
use malkin_testkit::TestDir;
use rusqlite::Connection;

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, "").unwrap()
}

fn filled(dir: &Path) -> SqliteStore {
    let store = open(dir);
    for seed in 0..8 {
        let sample = sample(seed, 50);
        store.add_sample(&sample, &labels(&sample), "somebody", at(0)).unwrap();
    }
    store.add_query_sample(&sample(99, 5), at(0)).unwrap();
    store
}

#[test]
fn everything_is_there_after_closing() {
    let dir = TestDir::new();
    let nested = dir.join("deeper/down");
    let store = filled(&nested);
    let job = NewJob { method: "m".to_owned(), descriptor: "d".to_owned(), attempts: 3, ..NewJob::default() };
    let done = store.enqueue(&job, at(0), at(0)).unwrap();
    let claimed = store.claim("w", &Wanted::ANY, at(1)).unwrap().unwrap();
    let result = store.finish(&claimed.job.hold().unwrap(), b"result", at(2)).unwrap().unwrap();
    let with_file = |upload: &Upload| NewJob {
        file_params: format!("{{\"0\": \"{}\"}}", upload.id),
        always_new: true,
        dependencies: vec![done],
        ..job.clone()
    };
    store.enqueue_file(b"body", &with_file, at(0), at(3)).unwrap();
    let claimed = store.claim("w", &Wanted::ANY, at(4)).unwrap().unwrap();
    let file = UploadId::parse(&claimed.job.file_params[7..31]).unwrap();
    let look = |store: &SqliteStore| {
        let functions = store.functions(&FunctionQuery::All(Page::default())).unwrap();
        let ids: Vec<_> = functions.iter().map(|function| function.function_id).collect();
        (
            functions,
            store.disassembly(&ids).unwrap(),
            store.samples(Page::default()).unwrap(),
            store.families(Page::default()).unwrap(),
            store.counts().unwrap(),
            store.jobs(&JobFilter::default(), 0, 0, true).unwrap(),
            store.job_stats(false).unwrap(),
            (store.result(result).unwrap(), store.upload(file).unwrap()),
        )
    };
    let before = look(&store);
    assert_eq!(before.0.len(), 400);
    drop(store);
    let store = open(&nested);
    assert!(look(&store) == before);
    assert_eq!(store.backend_name(), "sqlite");
    let (query, function) = store.add_query_sample(&sample(98, 1), at(0)).unwrap();
    assert_eq!((query.sample_id.get(), function.get()), (-2, -6), "counters go on");
    assert_eq!(store.release_expired(at(0), "w", at(9)).unwrap(), 1);
}

#[test]
fn a_second_process_is_refused_with_the_first_ones_note() {
    let dir = TestDir::new();
    let holder = |result: Result<SqliteStore, StoreError>| match result {
        Err(StoreError::InUse { path, holder }) => {
            assert_eq!(path, dir.path());
            holder
        }
        other => panic!("{other:?}"),
    };
    let first = SqliteStore::open(dir.path(), "starting").unwrap();
    assert_eq!(holder(SqliteStore::open(dir.path(), "second")), Some("starting".to_owned()));
    first.set_holder_note("http://127.0.0.1:8000\n").unwrap();
    let refused = SqliteStore::open(dir.path(), "second").unwrap_err();
    let text = format!(
        "the data directory {} is in use by another process (http://127.0.0.1:8000)",
        dir.path().display()
    );
    assert_eq!(refused.to_string(), text);
    first.set_holder_note("").unwrap();
    assert_eq!(holder(SqliteStore::open(dir.path(), "second")), None);
    drop(first);
    SqliteStore::open(dir.path(), "second").unwrap();
}

#[test]
fn an_empty_file_becomes_a_store_and_newer_formats_are_refused() {
    let dir = TestDir::new();
    let file = dir.write("malkin.db", b"");
    drop(open(dir.path()));
    let version = |file: &Path| -> i64 {
        Connection::open(file).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let known = version(&file);
    assert!(known >= 1);
    drop(open(dir.path()));
    assert_eq!(version(&file), known, "nothing is applied twice");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", known + 1).unwrap();
    match SqliteStore::open(dir.path(), "").unwrap_err() {
        StoreError::TooNew { found, known: newest } => assert_eq!((found, newest), (known + 1, known)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn foreign_files_are_refused_unchanged() {
    let dir = TestDir::new();
    let file = dir.write(
        "malkin.db",
        b"this is not a database, it is a text that is longer than a header would be ..........",
    );
    let before = fs::read(&file).unwrap();
    let refused = SqliteStore::open(dir.path(), "").unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::remove_file(&file).unwrap();
    Connection::open(&file)
        .unwrap()
        .execute_batch("CREATE TABLE sample (x); INSERT INTO sample VALUES (1)")
        .unwrap();
    let refused = SqliteStore::open(dir.path(), "").unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");
    let count: i64 =
        Connection::open(&file).unwrap().query_row("SELECT count(*) FROM sample", [], |r| r.get(0)).unwrap();
    assert_eq!(count, 1);
}

/// Every page of the file is overwritten in turn; whatever is then asked is answered or refused, never a panic.
#[test]
fn damage_is_an_error_and_not_a_panic() {
    let dir = TestDir::new();
    drop(filled(dir.path()));
    let file = dir.join("malkin.db");
    let sound = fs::read(&file).unwrap();
    let page = 4096;
    let mut refused = 0;
    let pages = sound.len() / page;
    for (number, damage) in (0..pages).zip([0xff, 0x00, 0x5a].into_iter().cycle()) {
        let mut bytes = sound.clone();
        let middle = number * page + if number == 0 { 100 } else { 0 };
        for byte in &mut bytes[middle..(number + 1) * page] {
            *byte = if damage == 0x5a { byte.rotate_left(3) } else { damage };
        }
        fs::write(&file, &bytes).unwrap();
        refused += usize::from(exercise(dir.path()).is_err());
    }
    assert!(refused > pages / 2, "only {refused} of {pages} damages were noticed");
    for length in [0, 1, 99, 100, 5000, sound.len() / 2, sound.len() - page] {
        fs::write(&file, &sound[..length]).unwrap();
        let outcome = exercise(dir.path());
        assert!(length == 0 || outcome.is_err(), "{length}");
        for leftover in ["malkin.db-wal", "malkin.db-shm"] {
            let _ = fs::remove_file(dir.join(leftover));
        }
    }
}

/// Reads everything and writes a little.
fn exercise(dir: &Path) -> Result<(), StoreError> {
    let store = SqliteStore::open(dir, "")?;
    store.verify()?;
    store.counts()?;
    store.families(Page::default())?;
    let functions = store.functions(&FunctionQuery::All(Page::default()))?;
    let ids: Vec<_> = functions.iter().map(|function| function.function_id).collect();
    store.disassembly(&ids)?;
    store.each_indexed_sample(&mut |_, _| true)?;
    store.job_stats(true)?;
    let sample = sample(77, 20);
    store.add_sample(&sample, &labels(&sample), "somebody", at(0))?;
    Ok(())
}

/// The same without the check of the whole file first, so that damage is met in the middle of the work.
#[test]
fn flipped_bytes_in_use_are_an_error_and_not_a_panic() {
    let dir = TestDir::new();
    drop(filled(dir.path()));
    let file = dir.join("malkin.db");
    let sound = fs::read(&file).unwrap();
    let mut state = 1_u64;
    let mut noticed = 0;
    for _ in 0..100 {
        let mut bytes = sound.clone();
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let position = 100 + (state >> 33) as usize % (bytes.len() - 100);
            bytes[position] ^= (state >> 20) as u8 | 1;
        }
        fs::write(&file, &bytes).unwrap();
        let Ok(store) = SqliteStore::open(dir.path(), "") else {
            noticed += 1;
            continue;
        };
        let functions = store.functions(&FunctionQuery::All(Page::default()));
        let ids = (0..400).map(malkin_report::FunctionId::new).collect::<Vec<_>>();
        let outcomes = [
            functions.is_err(),
            store.disassembly(&ids).is_err(),
            store.each_indexed_sample(&mut |_, _| true).is_err(),
            store.families(Page::default()).is_err(),
            store.delete_family(malkin_report::FamilyId::new(1), false, at(1)).is_err(),
        ];
        noticed += usize::from(outcomes.contains(&true));
    }
    assert!(noticed > 0);
}

/// Bytes of the database on the disk once its log is brought in.
fn bytes_on_disk(store: &SqliteStore, dir: &Path) -> u64 {
    while store.give_back().unwrap() {}
    let path = dir.join("malkin.db");
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fs::metadata(path).unwrap().len()
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| byte()).collect()
}

/// Files and results of 60 MB come and go, and the disk is as free as before.
#[test]
fn the_disk_is_given_back() {
    const SLACK: u64 = 9 << 20;
    let dir = TestDir::new();
    let store = open(dir.path());
    let start = bytes_on_disk(&store, dir.path());
    let job = |name: u64| NewJob { descriptor: name.to_string(), attempts: 1, ..NewJob::default() };
    for n in 0..15 {
        let with_file =
            |upload: &Upload| NewJob { file_params: format!("{{\"0\": \"{}\"}}", upload.id), ..job(n) };
        store.enqueue_file(&noise(n, 2_000_000), &with_file, at(0), at(0)).unwrap();
    }
    while let Some(claimed) = store.claim("w", &Wanted::ANY, at(1)).unwrap() {
        store.finish(&claimed.job.hold().unwrap(), &noise(claimed.job.number, 2_000_000), at(2)).unwrap();
    }
    assert!(bytes_on_disk(&store, dir.path()) > start + 30_000_000);
    let retention = Retention { unused_since: at(3), max_bytes: 0, fresh_since: at(3) };
    while store.expire(&retention, at(4)).unwrap().more {}
    assert_eq!(store.usage().unwrap(), malkin_store::Usage::default());
    let end = bytes_on_disk(&store, dir.path());
    assert!(end < start + SLACK, "{start} bytes became {end}");
    assert!(store.free_bytes().unwrap() < SLACK);
}

/// A database that older programs made gives nothing back until it was compacted.
#[test]
fn compacting_turns_an_old_database_into_one_that_gives_room_back() {
    let dir = TestDir::new();
    let path = dir.join("malkin.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE x (y); DROP TABLE x").unwrap();
    drop(old);
    let store = open(dir.path());
    for n in 0..10 {
        store.keep_file(&noise(n, 2_000_000), at(0)).unwrap();
    }
    while store.sweep_uploads().unwrap() > 0 {}
    assert!(!store.give_back().unwrap());
    assert!(store.free_bytes().unwrap() > 15_000_000);
    store.compact().unwrap();
    assert_eq!(store.free_bytes().unwrap(), 0);
    assert!(bytes_on_disk(&store, dir.path()) < 2_000_000);
    for n in 0..10 {
        store.keep_file(&noise(n, 2_000_000), at(0)).unwrap();
    }
    while store.sweep_uploads().unwrap() > 0 {}
    assert!(bytes_on_disk(&store, dir.path()) < 11_000_000);
    store.verify().unwrap();
}
