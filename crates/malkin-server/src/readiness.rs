//! Whether the store takes writes: a write is tried now and then, however often the question is asked.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A write is tried again after this time at the earliest, however often the question is asked.
const FRESH: Duration = Duration::from_secs(2);
/// A write that takes longer counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the store takes writes, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    /// Held while a write is tried.
    trying: Mutex<()>,
    last: Mutex<Last>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    begun: Option<Instant>,
    ended: Option<(Instant, bool)>,
}

impl Readiness {
    /// Tries a write, unless one was tried just now or is being tried.
    pub(crate) fn ask(&self, try_write: impl FnOnce() -> bool) -> bool {
        let fresh =
            |last: Last| last.ended.filter(|(at, _)| at.elapsed() < FRESH).map(|(_, outcome)| outcome);
        if let Some(outcome) = fresh(*self.last.lock()) {
            return outcome;
        }
        let Some(_trying) = self.trying.try_lock() else {
            // Another thread is trying; until it is done, the last outcome counts.
            let last = *self.last.lock();
            let is_late = last.begun.is_none_or(|begun| begun.elapsed() >= PATIENCE);
            return !is_late && last.ended.is_none_or(|(_, outcome)| outcome);
        };
        if let Some(outcome) = fresh(*self.last.lock()) {
            return outcome;
        }
        self.last.lock().begun = Some(Instant::now());
        let started = Instant::now();
        let outcome = try_write() && started.elapsed() < PATIENCE;
        self.last.lock().ended = Some((Instant::now(), outcome));
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_tried_once_and_failures_are_found() {
        let readiness = Readiness::default();
        assert!(!readiness.ask(|| false));
        assert!(!readiness.ask(|| panic!("one was tried just now")));
        readiness.last.lock().ended = None;
        assert!(readiness.ask(|| {
            assert!(readiness.ask(|| panic!("one is being tried")), "nothing speaks against it");
            readiness.last.lock().begun = Instant::now().checked_sub(PATIENCE);
            assert!(!readiness.ask(|| panic!("one is being tried")), "it takes too long");
            true
        }));
    }
}
