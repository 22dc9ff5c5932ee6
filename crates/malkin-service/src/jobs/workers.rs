//! The threads that run jobs: some for all jobs, some for short ones only, and one that deletes what is no longer needed.

use std::sync::Arc;
use std::thread::JoinHandle;

use malkin_store::Lane;

use super::expiry::{self, Keeping};
use super::lanes::SHORT_THREADS;
use super::worker::{IDLE, run_next};
use super::{Jobs, WORKER_PREFIX};

/// The worker threads of this process.
#[derive(Debug)]
pub struct Workers {
    jobs: Arc<Jobs>,
    threads: Vec<JoinHandle<()>>,
}

/// Which jobs a thread takes.
#[derive(Clone, Copy, Debug)]
enum Post {
    /// All, in turn.
    Any,
    /// Short ones; the number is that of `lanes`.
    Short(usize),
}

impl Workers {
    /// Starts `count` threads for all jobs, and those for short jobs; names of workers are unique to this process. What has
    /// ended is kept as `keeping` says. On a store that is only read there is nothing to do.
    ///
    /// # Errors
    /// When the system gives no thread or no random number.
    pub fn start(jobs: &Arc<Jobs>, count: usize, keeping: Keeping) -> std::io::Result<Self> {
        let mut workers = Self { jobs: Arc::clone(jobs), threads: Vec::new() };
        if jobs.corpus().store().is_read_only() {
            return Ok(workers);
        }
        // Process ids repeat on one machine and between machines, and a lease is held by name: 64 random bits make it unique.
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| std::io::Error::other(error.to_string()))?;
        let random = u64::from_be_bytes(random);
        let name = format!("{WORKER_PREFIX}{}-{random:016x}", std::process::id());
        let any = (0..count).map(|number| (format!("{name}-{number}"), Post::Any));
        let short = (0..SHORT_THREADS).map(|number| (format!("{name}-short-{number}"), Post::Short(number)));
        for (worker, post) in any.chain(short) {
            let jobs = Arc::clone(jobs);
            workers.spawn(&worker.clone(), move || work(&jobs, &worker, post))?;
        }
        let tended = Arc::clone(jobs);
        workers.spawn("expiry", move || expiry::run(&tended, &keeping))?;
        Ok(workers)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Accepts no further work, asks running jobs to stop so that they are released for the next start, and waits for the
    /// threads to end.
    pub fn stop(self) {
        self.jobs.running().stop();
        for thread in self.threads {
            // A worker thread catches what its jobs panic with; a panic beyond that is in the log already.
            let _ = thread.join();
        }
    }
}

fn work(jobs: &Jobs, worker: &str, post: Post) {
    let running = jobs.running();
    while !running.is_stopping() {
        let seen = *running.news.lock();
        let outcome = match post {
            Post::Any => run_next(jobs, worker, (Lane::Long, &[]), |_| {}),
            Post::Short(number) => {
                let Some(except) = running.lanes.await_duty(number, IDLE, || running.is_stopping()) else {
                    continue;
                };
                let begin = |client: &str| running.lanes.begin(number, client);
                let outcome = run_next(jobs, worker, (Lane::Short, &except), begin);
                running.lanes.end(number);
                outcome
            }
        };
        match outcome {
            Ok(None) => {}
            Ok(Some(pause)) => running.wait(seen, pause),
            Err(error) => {
                tracing::error!(worker, %error, "cannot take the next job");
                std::thread::sleep(IDLE);
            }
        }
    }
}
