//! A process that submits, imports, deletes and merges is killed at random moments: what it had acknowledged is there and
//! whole, what it was about is there as a whole or not at all, and the index equals one built anew. A disk that is full is
//! told as such, and nothing is lost.
//!
//! The worker is this test program itself, started again with the variable below. `MALKIN_KILLS=200` for more rounds.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use malkin_report::SampleEntry;
use malkin_service::{App, Clock, ImportError};
use malkin_store::conformance::sample;
use malkin_store::{Added, FunctionQuery, NewSample, Page, SqliteStore, StoreError};
use malkin_testkit::TestDir;
use malkin_wire::columns::Xcfg;

/// Set to the data directory in worker processes.
const WORK_ON: &str = "MALKIN_SERVICE_TEST_WORK_ON";
/// Kills if nothing else is asked for.
const ROUNDS: u64 = 15;

fn functions_of(seed: u64) -> u64 {
    20 + seed * 37 % 400
}

/// Neighbouring samples share their code, so that merging has something to put together.
fn code(seed: u64) -> NewSample {
    let mut new = sample(seed, 0);
    new.functions = sample(seed % 5, functions_of(seed)).functions;
    for function in &mut new.functions {
        // The store's samples have no disassembly that an import takes.
        function.xcfg = Xcfg::default();
    }
    new
}

fn open(dir: &Path) -> Result<App, StoreError> {
    let store = Arc::new(SqliteStore::open(dir, "kill test")?);
    App::open_in(dir, store, Clock::Fixed(AtomicI64::new(0)))
}

#[test]
fn worker() {
    let Some(dir) = std::env::var_os(WORK_ON) else {
        return;
    };
    let error = work(Path::new(&dir)).unwrap_err();
    tell(&format!("failed {}", matches!(error, StoreError::NotWritable(_))));
}

fn tell(line: &str) {
    #[expect(clippy::disallowed_methods, reason = "the parent process reads the lines")]
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n@{line}").and_then(|()| out.flush()).unwrap();
}

/// Ends with an error only.
fn work(dir: &Path) -> Result<(), StoreError> {
    let app = open(dir)?;
    let first = app.corpus.counts()?.state;
    for seed in first * 1000.. {
        let new = code(seed);
        let Added::New { sample, .. } = app.corpus.add(&new)? else { panic!("seed {seed} is known") };
        tell(&format!("there {}", new.sha256));
        match seed % 6 {
            1 | 3 => app.corpus.index().compact(),
            2 => {
                delete(&app, &sample)?;
                tell(&format!("gone {}", new.sha256));
            }
            4 => {
                let export = app.corpus.export(Some(&[sample.sample_id]), true).expect("it is there");
                let mut file = Vec::new();
                app.corpus.write_export(&export, &mut file).expect("memory takes it");
                delete(&app, &sample)?;
                tell(&format!("gone {}", new.sha256));
                match app.corpus.import(Cursor::new(file)) {
                    Ok(imported) => assert_eq!(imported.map(|imported| imported.samples), Some(1)),
                    Err(ImportError::Store(error)) => return Err(error),
                    Err(error) => panic!("what was exported is imported: {error}"),
                }
                tell(&format!("there {}", new.sha256));
            }
            _ => {}
        }
    }
    Ok(())
}

fn delete(app: &App, sample: &SampleEntry) -> Result<(), StoreError> {
    let gone = app.corpus.delete_sample(sample.sample_id)?;
    assert!(gone);
    Ok(())
}

fn spawn(dir: &Path, limit: Option<u64>) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match limit {
        None => Command::new(program),
        // Files larger than the limit cannot be written; the signal that says so is ignored.
        Some(kib) => {
            let mut shell = Command::new("bash");
            shell.arg("-c").arg(format!("ulimit -f {kib}; trap '' XFSZ; exec \"$0\" \"$@\"")).arg(program);
            shell
        }
    };
    let command = command.args(["--exact", "kill::worker", "--nocapture"]).env(WORK_ON, dir);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The last that was told of each sample, by SHA-256: whether it is there.
#[derive(Default)]
struct Told {
    there: BTreeMap<String, bool>,
    failed: Vec<String>,
}

impl Told {
    /// Takes in what a worker said; answers the sample it spoke of last, whose fate is open.
    fn listen(&mut self, lines: impl Iterator<Item = String>) -> Option<String> {
        let mut last = None;
        for line in lines {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["@there", sha256] => {
                    self.there.insert(sha256.to_owned(), true);
                    last = Some(sha256.to_owned());
                }
                ["@gone", sha256] => {
                    self.there.insert(sha256.to_owned(), false);
                    last = Some(sha256.to_owned());
                }
                ["@failed", how] => self.failed.push(how.to_owned()),
                // The test harness talks too; a line that was cut by the kill was not told.
                _ => {}
            }
        }
        last
    }

    /// Compares with what store and index hold.
    fn check(&mut self, dir: &Path, open_fate: Option<String>) {
        let app = open(dir).unwrap();
        let stored = app.corpus.store().samples(Page::default()).unwrap();
        let is_stored = |sha256: &str| stored.iter().any(|sample| sample.sha256 == sha256);
        if let Some(sha256) = open_fate {
            // The kill may have come between the next step and its acknowledgement. What is only added is never taken away.
            let there = is_stored(&sha256);
            let seed = u64::from_str_radix(&sha256, 16).unwrap();
            assert!(there || matches!(seed % 6, 2 | 4), "{sha256} is lost");
            self.there.insert(sha256, there);
        }
        for (sha256, there) in &self.there {
            assert_eq!(is_stored(sha256), *there, "{sha256}");
        }
        for entry in &stored {
            let seed = u64::from_str_radix(&entry.sha256, 16).unwrap();
            let found = app.corpus.store().functions(&FunctionQuery::OfSample(entry.sample_id)).unwrap();
            let expected = code(seed);
            assert_eq!(found.len(), expected.functions.len(), "sample {} is whole", entry.sample_id);
            for (function, new) in found.iter().zip(&expected.functions) {
                let hashes = (function.offset, function.pichash, &function.minhash);
                assert_eq!(hashes, (new.offset, new.pichash, &new.minhash));
            }
        }
        let report = app.corpus.index().verify(app.corpus.store()).unwrap();
        assert!(report.equal, "the index is not the one that the store makes");
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(report.samples, stored.len());
    }
}

#[test]
fn killed_at_random_moments() {
    let dir = TestDir::new();
    let mut told = Told::default();
    let rounds = std::env::var("MALKIN_KILLS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    for round in 0..rounds {
        let mut child = spawn(dir.path(), None);
        let out = child.stdout.take().unwrap();
        let listener =
            std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(60 + round * 97 % 340));
        child.kill().unwrap();
        child.wait().unwrap();
        let open_fate = told.listen(listener.join().unwrap().into_iter());
        assert_eq!(told.failed, [""; 0]);
        told.check(dir.path(), open_fate);
    }
    let there = told.there.values().filter(|there| **there).count();
    println!("{} samples told of, {there} there, over {rounds} kills", told.there.len());
    assert!(there > 0 && there < told.there.len());
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let dir = TestDir::new();
    let mut told = Told::default();
    let out = spawn(dir.path(), Some(3000)).wait_with_output().unwrap();
    let open_fate = told.listen(String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned));
    assert_eq!(told.failed, ["true"], "the worker stops with the error that says so");
    assert!(told.there.len() > 2);
    told.check(dir.path(), open_fate);
}
