//! Threads for short jobs only, so that a short job of one client never waits for a long job of another.
//!
//! Which job is short is an estimate. A job that takes longer than estimated would block the thread for all others, so there are
//! spare threads: each begins to look for work when all before it have been busy with one job for a while, and skips clients that
//! have such a job. One client can therefore block one of these threads, and none that another client needs.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Threads that take short jobs only. Every one but the first is a spare.
pub(super) const SHORT_THREADS: usize = 4;
/// Time after which a job is no short one.
const OVERDUE: Duration = Duration::from_millis(500);

/// The job that a thread for short jobs is running.
#[derive(Clone, Debug)]
struct Shift {
    client: String,
    since: Instant,
}

/// What the threads for short jobs are running.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    shifts: Mutex<Shifts>,
    begun: Condvar,
}

/// What a thread for short jobs is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Duty {
    /// Look for jobs of all clients but these.
    Work(Vec<String>),
    /// Nothing for so long, unless a thread before it begins a job.
    Wait(Duration),
}

type Shifts = [Option<Shift>; SHORT_THREADS];

/// What thread `number` is to do at `now`.
fn duty(shifts: &Shifts, number: usize, now: Instant, idle: Duration) -> Duty {
    let mut clients = Vec::new();
    let mut wait = None;
    for shift in shifts.iter().take(number) {
        let Some(shift) = shift else {
            return Duty::Wait(idle);
        };
        let took = now.saturating_duration_since(shift.since);
        if let Some(left) = OVERDUE.checked_sub(took).filter(|left| !left.is_zero()) {
            wait = wait.max(Some(left));
        }
        clients.push(shift.client.clone());
    }
    wait.map_or(Duty::Work(clients), Duty::Wait)
}

impl Lanes {
    /// Whether thread `number` is to look for jobs now: the clients whose jobs it leaves alone. Otherwise waits for at most
    /// `idle` for something to change and returns `None`.
    pub(super) fn await_duty(
        &self,
        number: usize,
        idle: Duration,
        is_stopping: impl Fn() -> bool,
    ) -> Option<Vec<String>> {
        let mut shifts = self.shifts.lock();
        match duty(&shifts, number, Instant::now(), idle) {
            Duty::Work(except) => Some(except),
            Duty::Wait(time) => {
                if !is_stopping() {
                    self.begun.wait_for(&mut shifts, time);
                }
                None
            }
        }
    }

    /// Wakes all threads that wait. A thread that is about to wait asks whether it is to stop under the same lock.
    pub(super) fn wake(&self) {
        let _shifts = self.shifts.lock();
        self.begun.notify_all();
    }

    /// Thread `number` begins a job.
    pub(super) fn begin(&self, number: usize, client: &str) {
        if let Some(shift) = self.shifts.lock().get_mut(number) {
            *shift = Some(Shift { client: client.to_owned(), since: Instant::now() });
        }
        self.begun.notify_all();
    }

    /// Thread `number` has no job any longer.
    pub(super) fn end(&self, number: usize) {
        if let Some(shift) = self.shifts.lock().get_mut(number) {
            *shift = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spares_work_when_all_before_them_are_overdue() {
        let idle = Duration::from_secs(2);
        let lanes = Lanes::default();
        let duty = |number, after: Duration| duty(&lanes.shifts.lock(), number, Instant::now() + after, idle);
        assert_eq!(duty(0, Duration::ZERO), Duty::Work(Vec::new()));
        assert_eq!(lanes.await_duty(0, idle, || false), Some(Vec::new()));
        assert_eq!(duty(1, Duration::ZERO), Duty::Wait(idle), "the first thread is free");
        assert_eq!(lanes.await_duty(1, idle, || true), None, "nobody waits when it is over");
        lanes.begin(0, "a");
        assert!(matches!(duty(1, Duration::ZERO), Duty::Wait(time) if time <= OVERDUE));
        assert_eq!(
            duty(1, OVERDUE),
            Duty::Work(vec!["a".to_owned()]),
            "clients that keep a thread have theirs"
        );
        assert_eq!(duty(2, OVERDUE), Duty::Wait(idle));
        lanes.begin(1, "b");
        assert_eq!(duty(2, OVERDUE), Duty::Work(vec!["a".to_owned(), "b".to_owned()]));
        lanes.end(0);
        assert_eq!(duty(2, OVERDUE), Duty::Wait(idle));
        lanes.begin(SHORT_THREADS, "nobody");
    }
}
