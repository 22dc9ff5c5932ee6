//! Merging and storing of segments, in the background: writers only append small segments, queries are fastest over few large
//! ones, and what is stored need not be read from the store at the next start.
//!
//! A disk that fails or is full costs nothing but that: what cannot be written stays in memory and is tried again later.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use malkin_index::MergePlan;
use parking_lot::{Condvar, Mutex};

use super::Held;

/// Functions in memory only, from which on they are written to a file; reading as many from the store takes about half a
/// second at the next start.
const STORE_FROM: usize = 1 << 16;
/// Functions in memory only that are worth a file when the process ends.
const STORE_AT_END_FROM: usize = 1 << 10;
/// How long nothing is written after a failed attempt.
const PAUSE: Duration = Duration::from_secs(30);

/// What came of looking for something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Done,
    Nothing,
    Failed,
}

/// Wakes upkeep.
#[derive(Debug, Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    raised: bool,
    stopped: bool,
}

impl Signal {
    /// There may be something to do.
    pub(super) fn raise(&self) {
        self.state.lock().raised = true;
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// Waits until there may be something to do; false when it is over.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while !state.raised && !state.stopped {
            self.changed.wait(&mut state);
        }
        state.raised = false;
        !state.stopped
    }

    /// Waits a while after a failure; false when it is over.
    fn pause(&self) -> bool {
        let mut state = self.state.lock();
        if !state.stopped {
            self.changed.wait_for(&mut state, PAUSE);
        }
        !state.stopped
    }
}

/// The thread that does it. Dropping it waits for the current step and stores what is in memory only.
#[derive(Debug)]
pub(super) struct Upkeep {
    held: Arc<Held>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    pub(super) fn of(held: &Arc<Held>) -> Self {
        let tended = Arc::clone(held);
        let thread = std::thread::Builder::new().name("index-upkeep".to_owned()).spawn(move || {
            while tended.signal.wait() {
                loop {
                    let goes_on = match tended.tend() {
                        Step::Done => !tended.signal.is_stopped(),
                        Step::Nothing => false,
                        Step::Failed => tended.signal.pause(),
                    };
                    if !goes_on {
                        break;
                    }
                }
            }
        });
        if let Err(error) = &thread {
            tracing::warn!(%error, "cannot start the index maintenance thread; queries get slower as the index grows");
        }
        Self { held: Arc::clone(held), thread: thread.ok() }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.held.signal.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.held.store_at_end();
    }
}

impl Held {
    /// Does one step if one is due.
    pub(super) fn tend(&self) -> Step {
        let _tending = self.tending.lock();
        let plan = {
            let index = self.index.read();
            let store = self.files.is_some() && index.unstored_functions() >= STORE_FROM;
            index.plan_merge().or_else(|| store.then(|| index.plan_storing()).flatten())
        };
        plan.map_or(Step::Nothing, |plan| self.carry_out(plan, STORE_FROM))
    }

    pub(super) fn compact(&self) {
        let _tending = self.tending.lock();
        let plan = self.index.read().plan_compaction();
        if let Some(plan) = plan {
            self.carry_out(plan, 0);
        }
    }

    fn store_at_end(&self) {
        let _tending = self.tending.lock();
        let plan = {
            let index = self.index.read();
            let due = self.files.is_some() && index.unstored_functions() >= STORE_AT_END_FROM;
            due.then(|| index.plan_storing()).flatten()
        };
        if let Some(plan) = plan {
            self.carry_out(plan, 0);
        }
    }

    /// Merges and stores. Segments smaller than `store_from` functions stay in memory.
    fn carry_out(&self, plan: MergePlan, store_from: usize) -> Step {
        let stored = plan.is_stored();
        let mut merged = match plan.run() {
            Ok(merged) => merged,
            Err(error) => {
                tracing::error!(%error, "cannot merge segments of the index");
                return Step::Failed;
            }
        };
        if let Some(files) = self.files.as_ref().filter(|_| stored || merged.num_functions() >= store_from) {
            match files.write(merged.image()) {
                Ok(label) => merged = merged.stored(label),
                Err(error) => {
                    // Merged or not makes no difference to answers; the sources stay as they are.
                    tracing::warn!(%error, "cannot store a segment of the index; it stays in memory");
                    return Step::Failed;
                }
            }
        }
        self.index.write().commit_merge(merged);
        self.remove_unused();
        Step::Done
    }

    /// Removes files of segments that are not in use. Called with `tending` held.
    pub(super) fn remove_unused(&self) {
        let Some(files) = &self.files else {
            return;
        };
        let labels: Vec<u64> = self.index.read().labels().collect();
        if let Err(error) = files.retain(&labels) {
            tracing::warn!(%error, "cannot remove an unused stored segment");
        }
    }
}
