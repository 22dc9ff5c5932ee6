//! A process that works on the store is killed at random moments: what it had acknowledged is there and whole, what it was
//! about is there as a whole or not at all. And a disk that is full is told as such.
//!
//! The worker is this test program itself, started again with the variable below.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use malkin_report::SampleId;
use malkin_store::conformance::{at, labels, sample, xcfg};
use malkin_store::{
    Added, Catalogue, FunctionQuery, JobFilter, JobState, Jobs, NewJob, Page, SqliteStore, StoreError, Wanted,
};
use malkin_testkit::TestDir;

/// Set to the data directory in worker processes.
const WORK_ON: &str = "MALKIN_STORE_TEST_WORK_ON";

const ROUNDS: u64 = 20;

fn functions_of(seed: u64) -> u64 {
    seed * 7 % 90
}

/// What a worker does: adds samples, deletes some of them, works on jobs; tells each step once it is acknowledged.
/// Without the variable this is no worker, and the test is only the other end of [`spawn`].
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
    let store = SqliteStore::open(dir, "worker")?;
    store.release_expired(at(0), "worker", at(0))?;
    let first = store.counts()?.state;
    for seed in first * 1000.. {
        let new = sample(seed, functions_of(seed));
        let Added::New { sample, .. } = store.add_sample(&new, &labels(&new), "somebody", at(0))? else {
            panic!("seed {seed} is known");
        };
        tell(&format!("added {seed} {}", sample.sample_id));
        if seed % 5 == 4 {
            assert!(store.delete_sample(sample.sample_id, at(0))?);
            tell(&format!("deleted {seed} {}", sample.sample_id));
        }
        let job = NewJob {
            method: "m".to_owned(),
            descriptor: seed.to_string(),
            attempts: 1_000_000,
            ..NewJob::default()
        };
        let queued = store.enqueue(&job, at(0), at(0))?;
        tell(&format!("queued {seed} {queued}"));
        let claimed = store.claim("worker", &Wanted::ANY, at(0))?.expect("there is a job").job;
        let hold = claimed.hold().expect("it runs");
        store.finish(&hold, claimed.descriptor.as_bytes(), at(0))?.expect("it is this worker's");
        tell(&format!("finished {} {}", claimed.descriptor, claimed.id));
    }
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

/// What workers acknowledged.
#[derive(Default)]
struct Told {
    /// Number of a sample -> its seed.
    samples: BTreeMap<i64, u64>,
    deleted: BTreeSet<i64>,
    queued: BTreeSet<String>,
    finished: BTreeSet<String>,
    failed: Vec<String>,
}

impl Told {
    fn listen(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["@added", seed, number] => {
                self.samples.insert(number.parse().unwrap(), seed.parse().unwrap());
            }
            ["@deleted", _, number] => {
                self.deleted.insert(number.parse().unwrap());
            }
            ["@queued", seed, _] => {
                self.queued.insert(seed.to_owned());
            }
            ["@finished", seed, _] => {
                self.finished.insert(seed.to_owned());
            }
            ["@failed", how] => self.failed.push(how.to_owned()),
            // The test harness talks too; a line that was cut by the kill was not told.
            _ => {}
        }
    }

    /// Compares with what the store holds.
    fn check(&mut self, dir: &Path) {
        let store = SqliteStore::open(dir, "check").unwrap();
        store.verify().unwrap();
        let stored = store.samples(Page::default()).unwrap();
        // The kill may have come between the last deletion and its acknowledgement.
        if let Some((number, seed)) = self.samples.last_key_value()
            && seed % 5 == 4
            && store.sample(SampleId::new(*number)).unwrap().is_none()
        {
            self.deleted.insert(*number);
        }
        for (number, seed) in &self.samples {
            let there = stored.iter().any(|sample| sample.sample_id.get() == *number);
            assert!(there != self.deleted.contains(number), "sample {number} of seed {seed}: {there}");
        }
        let mut functions = 0;
        for entry in &stored {
            let seed = u64::from_str_radix(&entry.sha256, 16).unwrap();
            let expected = sample(seed, functions_of(seed));
            let found = store.functions(&FunctionQuery::OfSample(entry.sample_id)).unwrap();
            assert_eq!(found.len(), expected.functions.len(), "sample {} is whole", entry.sample_id);
            let ids: Vec<_> = found.iter().map(|function| function.function_id).collect();
            let texts = store.disassembly(&ids).unwrap();
            for ((function, new), (text, index)) in
                found.iter().zip(&expected.functions).zip(texts.iter().zip(0..))
            {
                assert_eq!((function.offset, &function.minhash), (new.offset, &new.minhash));
                assert_eq!(function.function_labels.len(), usize::from(!new.function_name.is_empty()));
                assert_eq!(function.picblockhashes, new.picblockhashes);
                assert!(*text == (index % 9 != 8).then(|| xcfg(seed, index)));
            }
            functions += found.len() as u64;
        }
        let counts = store.counts().unwrap();
        assert_eq!((counts.samples, counts.functions), (stored.len() as u64, functions));
        let families = store.families(Page::default()).unwrap();
        assert!(families.iter().all(|family| family.family_id.get() == 0 || family.num_samples == 1));
        let jobs = store.jobs(&JobFilter::default(), 0, 0, true).unwrap();
        for job in &jobs {
            if job.state() == JobState::Finished {
                let result = store.result(job.result.unwrap()).unwrap();
                assert_eq!(result.as_deref(), Some(job.descriptor.as_bytes()));
            }
        }
        let find = |seed: &String| jobs.iter().find(|job| job.descriptor == *seed);
        assert!(self.queued.iter().all(|seed| find(seed).is_some()), "a queued job is lost");
        let finished = |seed: &String| find(seed).is_some_and(|job| job.state() == JobState::Finished);
        assert!(self.finished.iter().all(finished), "a finished job is lost");
    }
}

#[test]
fn killed_at_random_moments() {
    let dir = TestDir::new();
    let mut told = Told::default();
    for round in 0..ROUNDS {
        let mut child = spawn(dir.path(), None);
        let out = child.stdout.take().unwrap();
        let listener =
            std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(400 + round * 97 % 330));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in listener.join().unwrap() {
            told.listen(&line);
        }
        assert_eq!(told.failed, [""; 0]);
        told.check(dir.path());
    }
    println!("{} samples, {} jobs acknowledged over {ROUNDS} kills", told.samples.len(), told.finished.len());
    assert!(told.samples.len() > ROUNDS as usize && !told.deleted.is_empty() && !told.finished.is_empty());
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let dir = TestDir::new();
    let mut told = Told::default();
    let out = spawn(dir.path(), Some(6000)).wait_with_output().unwrap();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        told.listen(line);
    }
    assert_eq!(told.failed, ["true"], "the worker stops with the error that says so");
    println!("{} samples before the disk was full", told.samples.len());
    assert!(told.samples.len() > 3);
    told.check(dir.path());
}
