//! Work of two at a time. A scenario waits for its server, its client or a clock for much of its time, and a fuzz target uses one core;
//! so two of them share a machine of two cores well, and lines of both are mixed on the terminal.

use std::sync::{Mutex, PoisonError};

use crate::tally::Tally;

/// How many run at a time. More than cores would make the limits of time that some scenarios have too short.
const LANES: usize = 2;

/// Does all of it, in order, and adds up.
pub(crate) fn in_lanes<T: Sync>(work: &[T], run: impl Fn(&T) -> Tally + Sync) -> Tally {
    let next = Mutex::new(work.iter());
    let total = Mutex::new(Tally::default());
    // A poisoned lock means that another lane has panicked, which `scope` passes on.
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let one = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(one) = one else { break };
                    let tally = run(one);
                    total.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once() {
        let done = Mutex::new(Vec::new());
        let tally = in_lanes(&(0..50).collect::<Vec<_>>(), |number| {
            done.lock().unwrap().push(*number);
            Tally::one(number % 10 > 0)
        });
        assert_eq!((tally.passed, tally.failed), (45, 5));
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, (0..50).collect::<Vec<_>>());
        assert_eq!(in_lanes(&[(); 0], |()| Tally::one(true)), Tally::default());
    }
}
