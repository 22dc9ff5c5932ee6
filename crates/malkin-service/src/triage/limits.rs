//! Seats of triage: how many files are examined at once, and which is next.
//!
//! A file waits in a lane by its size, and each lane has seats of its own, so that large files never hold up small ones. Within
//! a lane the smallest comes first, uploads before members of archives, unless one has waited too long: what a file may cost
//! follows its size (`allowance`), so that a client that sends many costly files is the one that waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Largest file of each lane but the last, in bytes.
const LANES: [usize; 2] = [16 << 10, 1 << 20];
/// Who has waited so long comes before all that have not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who waits for a seat.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: u64,
    since: Instant,
    inside: bool,
    size: usize,
}

impl Waiting {
    /// The least is next.
    fn rank(&self, now: Instant) -> (bool, bool, usize, u64) {
        let patient = now.saturating_duration_since(self.since) < PATIENCE;
        if patient { (true, self.inside, self.size, self.number) } else { (false, false, 0, self.number) }
    }
}

#[derive(Debug, Default)]
struct Lane {
    busy: usize,
    waiting: Vec<Waiting>,
}

#[derive(Debug, Default)]
struct Lanes {
    lanes: [Lane; LANES.len() + 1],
    next_number: u64,
}

/// Limits triage: only so many files at once, and equal files one after the other, so that the second finds the
/// record of the first.
#[derive(Debug, Default)]
pub(crate) struct TriageLimits {
    lanes: Mutex<Lanes>,
    free: Condvar,
    under_way: Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

/// A file that wants a seat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guest {
    /// Bytes.
    pub(crate) size: usize,
    /// Whether it is a member of an archive.
    pub(crate) inside: bool,
}

/// A seat that is taken; it is given back when this is dropped, also by a panic.
struct Seat<'a>(&'a TriageLimits, usize);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.lanes.lock().lanes[self.1].busy -= 1;
        self.0.free.notify_all();
    }
}

impl TriageLimits {
    /// Does something on one of the seats of a file's lane: `seats` in the lane of the smallest files, half as many in each of the
    /// others, so that larger files leave processor time to small ones and to jobs.
    pub(crate) fn seated<T>(&self, seats: usize, guest: Guest, work: impl FnOnce() -> T) -> T {
        let lane = LANES.iter().position(|most| guest.size <= *most).unwrap_or(LANES.len());
        let seats = if lane == 0 { seats } else { (seats / 2).max(1) };
        let mut lanes = self.lanes.lock();
        let number = lanes.next_number;
        lanes.next_number += 1;
        let own = Waiting { number, since: Instant::now(), inside: guest.inside, size: guest.size };
        lanes.lanes[lane].waiting.push(own);
        loop {
            let now = Instant::now();
            let next = lanes.lanes[lane].waiting.iter().min_by_key(|waiting| waiting.rank(now));
            if lanes.lanes[lane].busy < seats && next.is_some_and(|next| next.number == number) {
                break;
            }
            self.free.wait(&mut lanes);
        }
        lanes.lanes[lane].waiting.retain(|waiting| waiting.number != number);
        lanes.lanes[lane].busy += 1;
        drop(lanes);
        // The next in line may find another seat free.
        self.free.notify_all();
        let _seat = Seat(self, lane);
        work()
    }

    /// Runs one piece of work at a time for each key.
    pub(crate) fn one_at_a_time<T>(&self, key: &str, work: impl FnOnce() -> T) -> T {
        let lock = Arc::clone(self.under_way.lock().entry(key.to_owned()).or_default());
        let value = {
            let _guard = lock.lock();
            work()
        };
        let mut under_way = self.under_way.lock();
        // Two: this one and the one in the table.
        if Arc::strong_count(&lock) <= 2 {
            under_way.remove(key);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const fn guest(size: usize) -> Guest {
        Guest { size, inside: false }
    }

    #[test]
    fn a_tiny_file_is_seated_while_large_ones_hold_theirs() {
        let limits = TriageLimits::default();
        let (end, ended) = mpsc::channel::<()>();
        let ended = Mutex::new(ended);
        std::thread::scope(|scope| {
            let (taken, is_taken) = mpsc::channel();
            for _ in 0..16 {
                let (limits, ended, taken) = (&limits, &ended, taken.clone());
                scope.spawn(move || {
                    limits.seated(4, guest(2 << 20), || {
                        let _ = taken.send(());
                        let _ = ended.lock().recv();
                    });
                });
            }
            is_taken.recv().unwrap();
            is_taken.recv().unwrap();
            assert_eq!(limits.lanes.lock().lanes[2].busy, 2, "half of the seats");
            assert_eq!(limits.seated(2, guest(1000), || 7), 7);
            for _ in 0..16 {
                end.send(()).unwrap();
            }
        });
        assert!(limits.lanes.lock().lanes.iter().all(|lane| lane.busy == 0 && lane.waiting.is_empty()));
    }

    #[test]
    fn the_smallest_upload_comes_first_unless_one_has_waited_long() {
        let now = Instant::now();
        let waiting = |number, size, inside, seconds| Waiting {
            number,
            since: now.checked_sub(Duration::from_secs(seconds)).unwrap_or(now),
            inside,
            size,
        };
        let order = |mut all: Vec<Waiting>| {
            all.sort_by_key(|one| one.rank(now));
            all.iter().map(|one| one.number).collect::<Vec<_>>()
        };
        let all = vec![waiting(0, 9000, false, 0), waiting(1, 10, true, 0), waiting(2, 1000, false, 0)];
        assert_eq!(order(all), [2, 0, 1]);
        let all = vec![waiting(0, 9000, true, 11), waiting(1, 10, false, 0), waiting(2, 8000, false, 12)];
        assert_eq!(order(all), [0, 2, 1], "among the old ones the first");
    }

    #[test]
    fn a_panic_gives_the_seat_back() {
        let limits = TriageLimits::default();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            limits.seated(1, guest(1), || panic!("as wanted"));
        }));
        assert!(panicked.is_err());
        assert_eq!(limits.seated(1, guest(1), || 1), 1);
    }
}
