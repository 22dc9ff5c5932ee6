//! Data directories and segments of every format so far: opened, brought to the present format, checked, and searched for the
//! functions that are known to be in them.
//!
//! `fixtures/compat/README.md` says which program wrote each file. A change of a format adds a file here; none is ever rewritten.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malkin_codehash::MinHasher;
use malkin_service::{App, Clock, Ingested, MatchArguments, ingest, questions, read_report};
use malkin_store::{Catalogue, FunctionQuery, Page, SqliteStore, Store};

/// Number of the newest format of the database, which a file has to be here for.
const NEWEST: u32 = 8;
/// The reports that are stored in each directory, in this order.
const REPORTS: [&str; 2] = ["prog1_gcc_m64_O0", "prog2_gcc_m64_O2"];

fn files(prefix: &str) -> Vec<PathBuf> {
    let folder = malkin_testkit::fixture("compat");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix))
        .collect();
    files.sort();
    files
}

fn unzip(path: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    for at in 0..archive.len() {
        let mut member = archive.by_index(at).unwrap();
        let target = folder.path().join(member.enclosed_name().unwrap());
        if member.is_dir() {
            continue;
        }
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        fs::write(target, bytes).unwrap();
    }
    folder
}

fn reports() -> Vec<Ingested> {
    let read = |name: &&str| {
        let path = format!("golden/codehash/golden/public/smda/{name}.smda.gz");
        let bytes = malkin_testkit::read_gz(malkin_testkit::fixture(path));
        ingest(read_report(&bytes).unwrap(), &MinHasher::default()).unwrap()
    };
    REPORTS.iter().map(read).collect()
}

/// What is stored is what these reports say, function by function, and is found by its hashes.
fn check_content(app: &App, what: &str) {
    let store = app.corpus.store();
    let samples = store.samples(Page::default()).unwrap();
    let reports = reports();
    assert_eq!(samples.len(), reports.len(), "{what}");
    for (sample, report) in samples.iter().zip(reports) {
        let report = report.sample;
        assert_eq!((&sample.sha256, sample.bitness), (&report.sha256, report.bitness), "{what}");
        let stored = store.functions(&FunctionQuery::OfSample(sample.sample_id)).unwrap();
        assert_eq!(stored.len(), report.functions.len(), "{what}");
        assert!(stored.len() > 20, "{what}");
        let ids: Vec<_> = stored.iter().map(|function| function.function_id).collect();
        let disassembly = store.disassembly(&ids).unwrap();
        for ((stored, new), xcfg) in stored.iter().zip(&report.functions).zip(disassembly) {
            assert_eq!(stored.offset, new.offset, "{what}");
            assert_eq!(stored.function_name, new.function_name, "{what}");
            assert_eq!((stored.pichash, &stored.minhash), (new.pichash, &new.minhash), "{what}");
            assert_eq!(stored.picblockhashes, new.picblockhashes, "{what}");
            let stored: serde_json::Value = serde_json::from_slice(&xcfg.unwrap()).unwrap();
            let new: serde_json::Value = serde_json::from_slice(&new.xcfg.to_text()).unwrap();
            assert_eq!(stored["blocks"], new["blocks"], "{what}");
        }
        let found: BTreeSet<_> = stored
            .iter()
            .flat_map(|function| questions::with_pichash(&app.corpus, function.pichash))
            .map(|place| (place.sample, place.function))
            .collect();
        for function in stored.iter().filter(|function| function.pichash.get() != 0) {
            assert!(found.contains(&(sample.sample_id, function.function_id)), "{what}");
        }
        let named = stored.iter().find(|function| function.function_name == "main");
        assert!(named.is_none_or(|function| !function.function_labels.is_empty()), "{what}");
        let matched = questions::match_sample(&app.corpus, sample.sample_id, None, &MatchArguments::none());
        let matched: serde_json::Value = serde_json::from_slice(&matched.unwrap()).unwrap();
        assert_eq!(matched["info"]["sample"]["sha256"], report.sha256, "{what}");
    }
}

#[test]
fn databases_of_every_format_are_brought_to_the_present_one() {
    let files = files("database-");
    let names: Vec<String> = files
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().trim_start_matches("database-").to_owned())
        .collect();
    assert!(names.contains(&NEWEST.to_string()), "there is a file of the newest format among {names:?}");
    for path in files {
        let what = path.display().to_string();
        let data = unzip(&path);
        let store = Arc::new(SqliteStore::open(data.path(), "a test").unwrap());
        store.verify().unwrap_or_else(|error| panic!("{what}: {error}"));
        let shared: Arc<dyn Store> = store.clone();
        let app = App::open_in(data.path(), shared, Clock::System).unwrap();
        check_content(&app, &what);
        let report = app.corpus.index().verify(store.as_ref()).unwrap();
        assert!(report.equal, "{what}: the index says what the store says");
        // The migrated database takes changes.
        let first = store.samples(Page { start: 0, limit: 1 }).unwrap().remove(0);
        assert!(app.corpus.delete_sample(first.sample_id).unwrap(), "{what}");
        drop((app, store));
        let store = SqliteStore::open(data.path(), "a test").unwrap();
        store.verify().unwrap_or_else(|error| panic!("{what}, reopened: {error}"));
        assert_eq!(store.counts().unwrap().samples, 1, "{what}");
    }
}

#[test]
fn segments_of_every_format_are_used_or_rebuilt() {
    let files = files("segment-");
    assert!(!files.is_empty());
    for path in files {
        let what = path.display().to_string();
        let data = unzip(&path);
        let segments = || {
            let listed = fs::read_dir(data.path().join("index")).unwrap();
            let paths = listed.map(|entry| entry.unwrap().path());
            paths.filter(|path| path.extension().is_some_and(|kind| kind == "segment")).collect::<Vec<_>>()
        };
        let stored = segments();
        assert_eq!(stored.len(), 1, "{what}");
        let bytes = fs::read(&stored[0]).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data.path(), "a test").unwrap());
        let app = App::open_in(data.path(), Arc::clone(&store), Clock::System).unwrap();
        check_content(&app, &what);
        let report = app.corpus.index().verify(store.as_ref()).unwrap();
        assert!(report.equal, "{what}");
        // The format that this program writes is used as it is; one it no longer reads would be a finding.
        assert_eq!(report.findings, Vec::<String>::new(), "{what}");
        assert_eq!(fs::read(&stored[0]).unwrap(), bytes, "{what}");
        let reader = app.corpus.index().reader();
        assert!(reader.num_signatures() > 20, "{what}");
    }
}
