//! A thread that checks the whole store at intervals, so that damage is found before an answer relies on it.
//!
//! A small database was looked at when it was opened; a large one is looked at first thing. What is found and what follows
//! from it is decided in the store: after damage that could make other answers wrong it refuses everything.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use malkin_store::{INSPECTED_AT_OPEN, Store};
use parking_lot::{Condvar, Mutex};

/// Time between the end of one look and the beginning of the next.
pub const INSPECTION_INTERVAL: Duration = Duration::from_hours(24);

/// Longest pause between two steps.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The thread.
#[derive(Debug)]
pub struct Inspector {
    bell: Arc<Bell>,
    thread: JoinHandle<()>,
}

/// Ends pauses when it is over.
#[derive(Debug, Default)]
struct Bell {
    stopped: Mutex<bool>,
    rung: Condvar,
}

impl Bell {
    /// Waits; false if it is over.
    fn wait(&self, time: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        let until = Instant::now() + time;
        while !*stopped {
            if self.rung.wait_until(&mut stopped, until).timed_out() {
                break;
            }
        }
        !*stopped
    }
}

impl Inspector {
    /// Starts the thread.
    pub fn start(store: Arc<dyn Store>, interval: Duration) -> std::io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let heard = Arc::clone(&bell);
        let thread = std::thread::Builder::new().name("inspector".to_owned()).spawn(move || {
            let was_inspected = store.size().is_ok_and(|size| size <= INSPECTED_AT_OPEN);
            let first = if was_inspected { interval } else { Duration::ZERO };
            let mut wait = first;
            while heard.wait(wait) {
                inspect(store.as_ref(), &heard);
                wait = interval;
            }
        })?;
        Ok(Self { bell, thread })
    }

    /// Ends the thread, after the step it is at.
    pub fn stop(self) {
        *self.bell.stopped.lock() = true;
        self.bell.rung.notify_all();
        let _ = self.thread.join();
    }
}

/// One look. After each step it rests as long as the step took, so that requests have the larger part of the machine.
fn inspect(store: &dyn Store, bell: &Bell) {
    let mut began = Instant::now();
    let mut go_on = || {
        let goes_on = bell.wait(began.elapsed().min(LONGEST_PAUSE));
        began = Instant::now();
        goes_on
    };
    match store.inspect(&mut go_on) {
        Ok(found) => {
            for finding in found.structure {
                tracing::error!(
                    finding,
                    "the database is damaged; nothing is answered any more, restore a backup"
                );
            }
            for finding in found.records {
                tracing::error!(finding, "a record of the database is damaged; reading it is an error");
            }
        }
        Err(error) => tracing::error!(%error, "cannot inspect the database"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_inspector_ends_in_the_middle_of_a_pause() {
        let store: Arc<dyn Store> = Arc::new(malkin_store::SqliteStore::open_in_memory().unwrap());
        let inspector = Inspector::start(Arc::clone(&store), INSPECTION_INTERVAL).unwrap();
        inspector.stop();
        assert!(store.inspect(&mut || true).unwrap().is_sound());
        assert!(!store.inspect(&mut || false).unwrap().complete);
    }
}
